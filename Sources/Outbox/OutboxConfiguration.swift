public import Timing

/// How a runner of the outbox works.
public struct OutboxConfiguration: Sendable {
  /// Names the runner in logs.
  public var name: String
  /// How many messages this process sends at once; at least 1.
  public var maximumInFlight: Int
  /// How many of these may go to destinations whose last message had no success, so that those which do not answer never
  /// keep all places; at least 1.
  public var maximumProbes: Int
  /// How many messages are on their way to one destination at once, from all processes; at least 1. With 1, the messages
  /// of one destination and topic are sent in the order in which they were added, each once the one before it was
  /// delivered, rejected or given up. With more there is no order.
  public var perDestination: Int
  /// How long one attempt may take before it is cancelled and counts as failed.
  public var sendTimeout: Duration
  /// For how long a message belongs to the process that claimed it; what that process has not recorded by then another
  /// sends again. At least twice `sendTimeout`. The clocks of the machines have to agree much better than this.
  public var lease: Duration
  public var policy: DeliveryPolicy
  /// By topic, in the place of `policy`.
  public var policies: [String: DeliveryPolicy]
  public var breaker: BreakerPolicy
  public var retention: RetentionPolicy
  /// How long what is in flight may go on after a stop was asked for.
  public var stopGrace: Duration
  /// After this time the database is asked even if nothing was due and no notification came.
  public var longestWait: Duration
  /// How long to wait where something is due that another process holds.
  public var shortestWait: Duration
  /// After passes that failed in a row, such as where the database is away.
  public var databaseBackoff: Backoff

  public init(
    name: String = "outbox", maximumInFlight: Int = 64, maximumProbes: Int = 16, perDestination: Int = 1,
    sendTimeout: Duration = .seconds(30), lease: Duration = .seconds(120), policy: DeliveryPolicy = DeliveryPolicy(),
    policies: [String: DeliveryPolicy] = [:], breaker: BreakerPolicy = BreakerPolicy(),
    retention: RetentionPolicy = RetentionPolicy(), stopGrace: Duration = .seconds(5),
    longestWait: Duration = .seconds(30), shortestWait: Duration = .seconds(1),
    databaseBackoff: Backoff = Backoff(maximum: .seconds(10))
  ) {
    self.name = name
    self.maximumInFlight = max(maximumInFlight, 1)
    self.maximumProbes = min(max(maximumProbes, 1), self.maximumInFlight)
    self.perDestination = max(perDestination, 1)
    self.sendTimeout = sendTimeout
    self.lease = max(lease, sendTimeout * 2)
    self.policy = policy
    self.policies = policies
    self.breaker = breaker
    self.retention = retention
    self.stopGrace = stopGrace
    self.longestWait = longestWait
    self.shortestWait = min(shortestWait, longestWait)
    self.databaseBackoff = databaseBackoff
  }

  func policy(of topic: String) -> DeliveryPolicy { policies[topic] ?? policy }
}

/// For how long an outbox remembers what is over.
public struct RetentionPolicy: Sendable, Hashable {
  /// Messages that were given up or rejected.
  public var dead: Duration
  /// That a destination does not answer, while no message waits for it.
  public var idleDestinations: Duration
  /// How often a runner looks for what is older.
  public var interval: Duration

  public init(
    dead: Duration = .seconds(30 * 86_400), idleDestinations: Duration = .seconds(86_400),
    interval: Duration = .seconds(600)
  ) {
    self.dead = dead
    self.idleDestinations = idleDestinations
    self.interval = max(interval, .seconds(1))
  }
}
