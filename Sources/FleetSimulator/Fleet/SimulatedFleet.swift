import FleetProtocol
import WireFormats

/// All customers of a simulation, as one value: what each knows, runs and is about to do. It decides; a shell around it sends
/// and receives. Each field of a customer is an array, so that 100,000 of them take a few megabytes.
struct SimulatedFleet: Sendable {
  enum Task: UInt8, Sendable {
    case heartbeat, poll
    /// The three reports of a deployment, in their order.
    case schedule, begin, finish
  }

  /// A request that is to be sent now.
  struct Call: Sendable {
    enum Payload: Sendable {
      case heartbeat(Heartbeat)
      case poll(etag: String)
      case scheduled(ScheduledReport)
      case status(StatusReport)
    }

    var customer: Int
    var task: Task
    /// When it should have been sent.
    var due: Int64
    /// When it is.
    var sent: Int64
    var epoch: UInt16
    var payload: Payload
  }

  enum Answer: Sendable {
    /// - Parameter nextSeconds: when the server wants to hear from the customer again.
    case accepted(nextSeconds: Int?)
    case notModified(nextSeconds: Int?)
    /// - Parameter offer: nil where nothing is offered.
    case updates(offer: Offer?, etag: String, nextSeconds: Int?)
    /// 429.
    case tooMany(retryAfterSeconds: Int?)
    /// Any other status but a success.
    case refused(status: Int)
    case unreachable
  }

  struct Offer: Sendable, Hashable {
    var releaseID: String
    var version: String
  }

  enum Phase: UInt8, Sendable {
    case idle
    /// The admin was asked.
    case considering
    /// A time was chosen, and reported.
    case scheduled
    case deploying
    /// The last release failed.
    case failed
  }

  let behaviour: FleetBehaviour
  let names: [String]
  /// Milliseconds since 1970 at the start.
  let origin: Int64
  private(set) var counters = FleetCounters()
  private var timers = TimerHeap()

  private var traits: [FleetBehaviour.Traits]
  private var phases: [Phase]
  private var epochs: [UInt16]
  /// Into `offers`; -1 for none.
  private var offered: [Int32]
  /// Into `offers`; -1 where nothing runs.
  private var running: [Int32]
  private var attempts: [UInt16]
  private var offeredAt: [Int64]
  private var startsAt: [Int64]
  private var failures: [UInt8]
  private var etags: [String]
  private var lastPolls: [Int64]
  /// Of the last webhook, as a number; 0 for none.
  private var webhooks: [UInt64]
  /// Whether the server said after the last failure that there is nothing, so that an offer is a new one.
  private var sawNothing: [Bool]
  private var offers: [Offer] = []
  private var offerIndices: [Offer: Int32] = [:]

  init(names: [String], behaviour: FleetBehaviour, origin: Int64) {
    self.names = names
    self.behaviour = behaviour
    self.origin = origin
    let count = names.count
    traits = (0..<count).map { behaviour.traits(of: $0) }
    phases = Array(repeating: .idle, count: count)
    epochs = Array(repeating: 0, count: count)
    offered = Array(repeating: -1, count: count)
    running = Array(repeating: -1, count: count)
    attempts = Array(repeating: 0, count: count)
    offeredAt = Array(repeating: 0, count: count)
    startsAt = Array(repeating: 0, count: count)
    failures = Array(repeating: 0, count: count)
    etags = Array(repeating: "", count: count)
    lastPolls = Array(repeating: -1, count: count)
    webhooks = Array(repeating: 0, count: count)
    sawNothing = Array(repeating: false, count: count)
    timers.reserve(count * 3)
    for customer in 0..<count where !traits[customer].isOffline {
      insert(.heartbeat, customer, at: behaviour.first(.heartbeat, of: customer))
      insert(.poll, customer, at: behaviour.first(.poll, of: customer))
    }
  }

  func phase(of customer: Int) -> Phase { phases[customer] }
  /// Nil where nothing runs that the simulation deployed.
  func version(of customer: Int) -> String? { running[customer] < 0 ? nil : offers[Int(running[customer])].version }
  var offlineCount: Int { traits.count { $0.isOffline } }

  // MARK: Sending

  /// - Returns: nil where nothing is due.
  mutating func next(now: Int64) -> Call? {
    while let entry = timers.removeFirst(dueBy: now) {
      let customer = Int(entry.customer)
      if let payload = payload(entry.task, customer, epoch: entry.epoch, now: now) {
        counters.lag.record(milliseconds: now - entry.due)
        return Call(
          customer: customer, task: entry.task, due: entry.due, sent: now, epoch: entry.epoch, payload: payload)
      }
    }
    return nil
  }

  private mutating func payload(_ task: Task, _ customer: Int, epoch: UInt16, now: Int64) -> Call.Payload? {
    switch task {
    case .heartbeat:
      let lastPoll = lastPolls[customer]
      return .heartbeat(
        Heartbeat(
          version: version(of: customer), status: phases[customer] == .failed ? "degraded" : "healthy",
          agentLastPoll: lastPoll < 0 ? nil : timestamp(lastPoll), timestamp: timestamp(now)))
    case .poll: return .poll(etag: etags[customer])
    case .schedule, .begin, .finish:
      guard epoch == epochs[customer], offered[customer] >= 0 else { return nil }
      let offer = offers[Int(offered[customer])]
      let attemptID = "\(names[customer]).\(offer.version).\(number(customer))"
      if task == .schedule {
        startsAt[customer] = behaviour.start(
          of: customer, release: offer.version, now: now, wallClock: origin + now)
        return .scheduled(
          ScheduledReport(
            organizationName: names[customer], releaseID: offer.releaseID, scheduledFor: timestamp(startsAt[customer]),
            attemptID: attemptID))
      }
      var report = StatusReport(
        organizationName: names[customer], releaseID: offer.releaseID, status: .inProgress, deployedAt: timestamp(now),
        attemptID: attemptID, attempt: number(customer))
      if task == .begin {
        report.currentVersion = version(of: customer)
        return .status(report)
      }
      if let failure = outcome(customer, offer).failure {
        report.status = failure.status
        report.reason = failure.reason
        report.component = failure.component
        report.errorMessage = failure.message
        report.currentVersion = version(of: customer)
      } else {
        report.status = .success
        report.currentVersion = offer.version
        report.helmRevision = traits[customer].isDocker ? nil : Int64(attempts[customer])
      }
      return .status(report)
    }
  }

  /// Of the attempt. A simulation that goes on with the customers of one before counts from where no earlier one has come to, by a second
  /// for each attempt: a report under a number that is known already is ignored.
  private func number(_ customer: Int) -> Int64 {
    origin / 1000 - Self.firstNumberedSecond + Int64(attempts[customer])
  }

  /// 2020-01-01, since 1970.
  private static let firstNumberedSecond: Int64 = 1_577_836_800

  private func outcome(_ customer: Int, _ offer: Offer) -> FleetBehaviour.Outcome {
    behaviour.outcome(of: customer, release: offer.version, attempt: Int(attempts[customer]))
  }

  // MARK: Answers

  mutating func record(_ task: Task, microseconds: Int64) { counters.time(task, microseconds: microseconds) }

  mutating func handle(_ answer: Answer, to call: Call, now: Int64) {
    counters.count(answer, to: call, now: now)
    switch call.task {
    case .heartbeat: rearm(.heartbeat, .heartbeat, call, answer, now)
    case .poll:
      if call.due >= 0, answer.isSuccess { lastPolls[call.customer] = now }
      rearm(.poll, .poll, call, answer, now)
      guard case .updates(let offer, let etag, _) = answer else { return }
      etags[call.customer] = etag
      if let offer {
        if consider(offer, call.customer, isAnnounced: false, now) { counters.offersByPoll += 1 }
      } else {
        handleNothing(call)
      }
    case .schedule, .begin, .finish: advance(call, answer, now)
    }
  }

  private mutating func rearm(
    _ task: Task, _ rhythm: FleetBehaviour.Rhythm, _ call: Call, _ answer: Answer, _ now: Int64
  ) {
    let customer = call.customer
    switch answer {
    case .accepted(let seconds), .notModified(let seconds), .updates(_, _, let seconds):
      insert(
        task, customer, at: behaviour.next(rhythm, of: customer, due: call.due, now: now, seconds: seconds))
    case .tooMany(let seconds):
      insert(
        task, customer, at: behaviour.retry(of: customer, failures: 1, now: now, retryAfterSeconds: seconds))
    case .refused, .unreachable:
      insert(task, customer, at: behaviour.next(rhythm, of: customer, due: call.due, now: now, seconds: nil))
    }
  }

  /// The server has nothing (more) to offer.
  private mutating func handleNothing(_ call: Call) {
    let customer = call.customer
    if phases[customer] == .failed { sawNothing[customer] = true }
    // An offer that came while the request was on its way is newer than its answer.
    guard phases[customer] == .considering, offeredAt[customer] < call.sent else { return }
    counters.offersTakenBack += 1
    epochs[customer] &+= 1
    phases[customer] = .idle
    offered[customer] = -1
  }

  private mutating func advance(_ call: Call, _ answer: Answer, _ now: Int64) {
    let customer = call.customer
    guard call.epoch == epochs[customer] else { return }
    switch answer {
    case .accepted, .notModified, .updates: failures[customer] = 0
    case .tooMany, .unreachable, .refused(status: 500...):
      failures[customer] = min(failures[customer], 100) + 1
      let seconds: Int? = if case .tooMany(let seconds) = answer { seconds } else { nil }
      counters.reportsRepeated += 1
      insert(
        call.task, customer, epoch: call.epoch,
        at: behaviour.retry(
          of: customer, failures: Int(failures[customer]), now: now, retryAfterSeconds: seconds))
      return
    case .refused:
      // As when the offer was taken back meanwhile.
      epochs[customer] &+= 1
      phases[customer] = .idle
      offered[customer] = -1
      return
    }
    let offer = offers[Int(offered[customer])]
    switch call.task {
    case .schedule:
      phases[customer] = .scheduled
      insert(.begin, customer, epoch: call.epoch, at: max(now, startsAt[customer]))
    case .begin:
      phases[customer] = .deploying
      insert(.finish, customer, epoch: call.epoch, at: now + outcome(customer, offer).milliseconds)
    case .finish:
      if outcome(customer, offer).failure == nil {
        phases[customer] = .idle
        running[customer] = offered[customer]
      } else {
        phases[customer] = .failed
        sawNothing[customer] = false
      }
    case .heartbeat, .poll: break
    }
  }

  // MARK: Offers

  enum WebhookReply: Sendable, Hashable {
    /// As a machine that is switched off.
    case none
    case status(Int, delayMilliseconds: Int64)
  }

  /// - Parameters:
  ///   - id: of the delivery, the same for each attempt of it; nil where there was none.
  ///   - offer: nil where the body was none.
  mutating func receive(
    customer: Int, id: String?, isSigned: Bool, offer: Offer?, now: Int64
  ) -> WebhookReply {
    guard traits.indices.contains(customer) else {
      counters.webhooksUnknown += 1
      return .status(404, delayMilliseconds: 0)
    }
    guard !traits[customer].isOffline else {
      counters.webhooksToOffline += 1
      return .none
    }
    guard isSigned else {
      counters.webhooksUnsigned += 1
      return .status(401, delayMilliseconds: 0)
    }
    guard let offer, let id, !id.isEmpty else {
      counters.webhooksInvalid += 1
      return .status(400, delayMilliseconds: 0)
    }
    let delay = behaviour.webhookDelay(of: customer, id: id)
    let number = max(1, Draw.salt(id))
    if webhooks[customer] == number {
      counters.webhooksRepeated += 1
    } else {
      webhooks[customer] = number
      counters.webhooksReceived += 1
      _ = consider(offer, customer, isAnnounced: true, now)
    }
    return .status(200, delayMilliseconds: delay)
  }

  /// - Parameter isAnnounced: whether the server came by itself: then what failed is to be tried again.
  /// - Returns: whether it is news.
  private mutating func consider(_ offer: Offer, _ customer: Int, isAnnounced: Bool, _ now: Int64) -> Bool {
    let index = self.index(of: offer)
    let isSame = offered[customer] == index
    switch phases[customer] {
    case .considering, .scheduled:
      if isSame { return false }
    case .deploying:
      // One at a time; the next poll shall bring it again.
      if !isSame { etags[customer] = "" }
      return false
    case .failed:
      if isSame, !isAnnounced, !sawNothing[customer] { return false }
    case .idle: break
    }
    guard version(of: customer) != offer.version else { return false }
    epochs[customer] &+= 1
    attempts[customer] = isSame ? attempts[customer] &+ 1 : 1
    offered[customer] = index
    offeredAt[customer] = now
    failures[customer] = 0
    phases[customer] = .considering
    if let consent = behaviour.consent(of: customer, to: offer.version, now: now) {
      insert(.schedule, customer, epoch: epochs[customer], at: consent)
    }
    return true
  }

  private mutating func index(of offer: Offer) -> Int32 {
    if let index = offerIndices[offer] { return index }
    let index = Int32(offers.count)
    offers.append(offer)
    offerIndices[offer] = index
    return index
  }

  private mutating func insert(_ task: Task, _ customer: Int, epoch: UInt16 = 0, at due: Int64) {
    timers.insert(.init(due: due, customer: Int32(customer), task: task, epoch: epoch))
  }

  private func timestamp(_ milliseconds: Int64) -> Timestamp {
    Timestamp(microseconds: (origin + milliseconds) * 1000)
  }
}

extension SimulatedFleet.Answer {
  var isSuccess: Bool {
    switch self {
    case .accepted, .notModified, .updates: true
    case .tooMany, .refused, .unreachable: false
    }
  }
}
