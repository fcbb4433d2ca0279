import FleetProtocol

/// What the customers of a simulation are like, and when each does what: a function of the seed, the customer's number and
/// the time. Times are milliseconds since the start.
public struct FleetBehaviour: Sendable, Hashable {
  public var seed: UInt64
  /// Shares, from 0 to 1.
  public var offline: Double
  public var slow: Double
  public var failing: Double
  public var neverConsents: Double
  /// Nil for what the server asks for.
  public var heartbeatInterval: Duration?
  /// Nil for what the server asks for.
  public var pollInterval: Duration?
  /// From an offer to the admin's consent, on average.
  public var consentDelay: Duration
  /// How long a deployment takes, on average; with slow customers ten times as long.
  public var deploymentTime: Duration
  /// How long a day is: within it, each customer deploys in a window of a twelfth of it, by its own time zone. Nil where
  /// everybody deploys at once.
  public var day: Duration?

  public init(
    seed: UInt64 = 1, offline: Double = 0.05, slow: Double = 0.05, failing: Double = 0.01, neverConsents: Double = 0.02,
    heartbeatInterval: Duration? = nil, pollInterval: Duration? = nil, consentDelay: Duration = .seconds(10),
    deploymentTime: Duration = .seconds(20), day: Duration? = nil
  ) {
    self.seed = seed
    self.offline = offline
    self.slow = slow
    self.failing = failing
    self.neverConsents = neverConsents
    self.heartbeatInterval = heartbeatInterval
    self.pollInterval = pollInterval
    self.consentDelay = consentDelay
    self.deploymentTime = deploymentTime
    self.day = day
  }

  /// Before the server has said anything (spec §7.1).
  static let usualInterval: Int64 = 300_000

  /// What never changes about a customer.
  struct Traits: Sendable, Hashable {
    /// Sends nothing and answers nothing.
    var isOffline: Bool
    var isSlow: Bool
    var neverConsents: Bool
    /// From -11 to 12.
    var utcOffsetHours: Int
    var isDocker: Bool
    var tier: String

    var region: String {
      switch utcOffsetHours {
      case ...(-3): "americas"
      case ..<4: "emea"
      default: "apac"
      }
    }
  }

  private var draw: Draw { Draw(seed: seed) }

  func traits(of customer: Int) -> Traits {
    let tier = draw.unit(.tier, customer)
    return Traits(
      isOffline: draw.unit(.offline, customer) < offline, isSlow: draw.unit(.slow, customer) < slow,
      neverConsents: draw.unit(.neverConsents, customer) < neverConsents,
      utcOffsetHours: Int(draw.unit(.zone, customer) * 24) - 11,
      isDocker: draw.unit(.deploymentType, customer) < 0.3,
      tier: tier < 0.1 ? "gold" : tier < 0.4 ? "silver" : "bronze")
  }

  // MARK: Rhythm

  enum Rhythm { case heartbeat, poll }

  /// Spread over the whole interval, so that nobody comes together with all.
  func first(_ rhythm: Rhythm, of customer: Int) -> Int64 {
    let purpose: Draw.Purpose = rhythm == .heartbeat ? .firstHeartbeat : .firstPoll
    return Int64(draw.unit(purpose, customer) * Double(interval(rhythm) ?? Self.usualInterval))
  }

  /// The next time, counted from when it was due, not from when it was done: who is late does not stay late.
  /// - Parameter seconds: what the server asked for.
  func next(_ rhythm: Rhythm, of customer: Int, due: Int64, now: Int64, seconds: Int?) -> Int64 {
    if let interval = interval(rhythm) {
      let jitter = draw.unit(
        rhythm == .heartbeat ? .heartbeatJitter : .pollJitter, customer, UInt64(bitPattern: due))
      let next = due + Int64(Double(interval) * (0.9 + 0.2 * jitter))
      return next > now ? next : now + interval
    }
    guard let seconds, seconds > 0 else { return now + Self.usualInterval }
    // The server spreads them already.
    return now + Int64(seconds) * 1000
  }

  private func interval(_ rhythm: Rhythm) -> Int64? {
    (rhythm == .heartbeat ? heartbeatInterval : pollInterval).map { max(1, $0.wholeMilliseconds) }
  }

  /// After a request that failed so often in a row.
  /// - Parameter retryAfterSeconds: what the server asked for.
  func retry(of customer: Int, failures: Int, now: Int64, retryAfterSeconds: Int?) -> Int64 {
    let jitter = draw.unit(.retryJitter, customer, UInt64(bitPattern: now))
    if let seconds = retryAfterSeconds, seconds >= 0 {
      let spread = Double(seconds) * 1000 * (1 + 0.2 * jitter) + jitter * 500
      return now + Int64(spread)
    }
    let doublings = min(max(failures, 1) - 1, 5)
    let half: Int64 = min(30_000, 1000 << Int64(doublings))
    return now + half + Int64(Double(half) * jitter)
  }

  // MARK: Deploying

  /// When the admin consents; nil for never.
  func consent(of customer: Int, to release: String, now: Int64) -> Int64? {
    guard !traits(of: customer).neverConsents else { return nil }
    let unit = draw.unit(.consentDelay, customer, Draw.salt(release))
    return now + Int64(Double(consentDelay.wholeMilliseconds) * 2 * unit)
  }

  /// When a deployment that was consented to begins: in the customer's next window, which opens at 02:00 there.
  /// - Parameter wallClock: milliseconds since 1970 at the moment `now`.
  func start(of customer: Int, release: String, now: Int64, wallClock: Int64) -> Int64 {
    guard let day = day?.wholeMilliseconds, day >= 24 else { return now }
    let hour = day / 24
    let local = Self.modulo(wallClock + Int64(traits(of: customer).utcOffsetHours) * hour, day)
    let opening = 2 * hour
    // In the window already?
    if local >= opening, local < opening + 2 * hour { return now }
    let offset = Int64(draw.unit(.windowOffset, customer, Draw.salt(release)) * Double(2 * hour))
    return now + Self.modulo(opening - local, day) + offset
  }

  private static func modulo(_ value: Int64, _ divisor: Int64) -> Int64 {
    let rest = value % divisor
    return rest < 0 ? rest + divisor : rest
  }

  /// How an attempt ends.
  struct Outcome: Sendable, Hashable {
    var milliseconds: Int64
    /// Nil where it succeeds.
    var failure: Failure?
  }

  struct Failure: Sendable, Hashable {
    var status: StatusReport.Status
    var reason: String
    var component: String
    var message: String
  }

  /// - Parameter attempt: from 1; what failed once fails half as likely again as it succeeds.
  func outcome(of customer: Int, release: String, attempt: Int) -> Outcome {
    let salt = Draw.salt(release)
    var span = Double(deploymentTime.wholeMilliseconds) * (0.5 + draw.unit(.deploymentTime, customer, salt))
    if traits(of: customer).isSlow { span *= 10 }
    let isFailing =
      draw.unit(.failing, customer, salt) < failing
      && (attempt <= 1 || draw.unit(.failing, customer, salt ^ UInt64(attempt)) < 1.0 / 3)
    let choice = draw.unit(.failure, customer, salt)
    let failure =
      isFailing ? Self.failures[min(Int(choice * Double(Self.failures.count)), Self.failures.count - 1)] : nil
    return Outcome(milliseconds: Int64(span), failure: failure)
  }

  /// The first is the most frequent.
  private static let failures = [
    pull, pull, pull,
    Failure(
      status: .rolledBack, reason: "WorkloadUnhealthy", component: "backend",
      message: "backend: 0 of 2 ready after 10m; its log ends: connection refused"),
    Failure(
      status: .failed, reason: "MigrationFailed", component: "backend",
      message: "the migration 20270101 ended with code 1: relation \"message\" is locked"),
    Failure(
      status: .failed, reason: "ArtifactUnavailable", component: "chart",
      message: "the download ended after 1048576 of 2097152 bytes"),
  ]

  private static let pull = Failure(
    status: .rolledBack, reason: "ImagePullFailed", component: "media",
    message: "media: pulling the image failed: manifest unknown")

  /// How long a webhook's answer takes.
  func webhookDelay(of customer: Int, id: String) -> Int64 {
    guard traits(of: customer).isSlow else { return 0 }
    return 1000 + Int64(4000 * draw.unit(.webhookDelay, customer, Draw.salt(id)))
  }
}

extension Duration {
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1000 + attoseconds / 1_000_000_000_000_000
  }
}
