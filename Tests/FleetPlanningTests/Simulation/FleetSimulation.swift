import FleetKinds
import FleetPlanning
import FleetProtocol
import TestSupport
import WireFormats

/// A vendor with one rollout and its customers, in virtual time: networks lose, repeat and delay messages, customers are down, slow,
/// fail and refuse, processes end between a decision and its transaction, and people pause, halt and retry. After every step all
/// rules are checked. Everything follows from the seed.
///
/// After half a day of that it becomes calm: everybody is there and answers. Then the rollout has to end.
final class FleetSimulation {
  enum Act {
    case refuse, failDownload, schedule, missDeadline, begin, succeed, fail, rollBack
  }

  enum UserAction: CaseIterable {
    case pause, resume, approve, halt, retry, withdraw
  }

  struct Sent {
    var report: StatusReport
    var attempt: Int
    var sequence: Int
  }

  enum Event {
    case plan
    case webhook(Int, offer: Timestamp)
    case webhookResult(Int, offer: Timestamp, isAcknowledged: Bool)
    case poll(Int)
    case act(Int, attempt: Int, Act)
    case report(Int, Sent)
    case health
    case down(Int, Bool)
    case user(UserAction)
    case publish
    case join
    case leave(Int)
    case renewLicense(Int)
    case calm
  }

  static let releaseID = "release-id"
  static let version = "2.3.0"

  let seed: UInt64
  let fault: PlantedFault?
  var random: SeededGenerator
  var queue = EventQueue<Event>()
  var now = Timestamp(seconds: 1_800_000_000)
  var isCalm = false
  var step = 0
  var isTracing: Bool
  var trace: [String] = []

  var spec: RolloutSpec
  var annotations: [String: String] = [:]
  var generation: Int64 = 1
  var release: ReleaseFacts
  var status: RolloutStatus?
  var customers: [SimulatedCustomer] = []
  /// Kept with every change of a target, never counted anew.
  var counters: [StageCounts]
  var offerTimes: [[Timestamp]]
  /// Stages whose members were fixed.
  var fixed: Set<Int> = []
  var planAt: Timestamp?
  var isChanged = false
  /// How often each thing happened, so that a test can see that everything does.
  var tally: [String: Int] = [:]

  init(seed: UInt64, fault: PlantedFault? = nil, isTracing: Bool = false) {
    self.seed = seed
    self.fault = fault
    self.isTracing = isTracing
    // Not a multiple of the generator's own step: seeds would be one sequence, shifted.
    random = SeededGenerator(seed: seed &* 0xD134_2543_DE82_EF95)
    spec = RolloutSpec(release: Self.version, stages: [])
    release = ReleaseFacts(version: Self.version)
    counters = []
    offerTimes = []
    makeRollout()
    counters = spec.stages.map { _ in StageCounts() }
    offerTimes = spec.stages.map { _ in [] }
    for _ in 0..<number(3...30) { addCustomer() }
    if chance(15) { release.minCurrentVersion = "2.0.0" }
    if chance(15) { release.deploymentTypes = [.kubernetes] }
    if chance(10) {
      release.state = .draft
      queue.add(.publish, at: later(0...7_200))
    }
    for _ in 0..<number(0...5) {
      guard let action = UserAction.allCases.randomElement(using: &random) else { continue }
      if action == .withdraw, !chance(15) { continue }
      if action == .halt, !chance(40) { continue }
      queue.add(.user(action), at: later(0...43_200))
    }
    for _ in 0..<number(0...4) { queue.add(.join, at: later(0...43_200)) }
    for _ in 0..<number(0...3) { queue.add(.leave(number(0...(customers.count - 1))), at: later(0...43_200)) }
    queue.add(.calm, at: later(43_200...43_200))
    queue.add(.health, at: later(600...600))
    changed()
  }

  // MARK: - Chance

  func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  func chance(_ percent: Int) -> Bool { number(0...99) < percent }
  func later(_ seconds: ClosedRange<Int>) -> Timestamp {
    now + .milliseconds(number((seconds.lowerBound * 1_000)...(seconds.upperBound * 1_000)))
  }
  private func maybe<Value>(_ percent: Int, _ value: @autoclosure () -> Value) -> Value? {
    chance(percent) ? value() : nil
  }

  private func makeRollout() {
    let count = number(1...4)
    spec.onHalt = chance(30) ? .offerPrevious : .hold
    spec.stages = (0..<count).map { index in
      var stage = RolloutSpec.Stage(name: "stage-\(index)")
      switch number(0...4) {
      case 0: stage.organizations = ["org-0", "org-1", "nobody"]
      case 1: stage.selector = RolloutSpec.Selector(matchLabels: ["ring": "early"])
      case 2: stage.percent = number(1...100)
      case 3: stage.count = number(1...10)
      default: if index < count - 1 { stage.count = 3 }
      }
      stage.maxInFlight = maybe(50, number(1...5))
      stage.startsPerMinute = maybe(50, number(1...5))
      if chance(80) {
        stage.gate = RolloutSpec.Gate(
          successPercent: maybe(30, number(0...100)), maxFailures: maybe(40, number(0...4)),
          maxFailuresPercent: maybe(40, number(0...60)), minReports: maybe(50, number(1...6)),
          soak: maybe(30, DurationText(.seconds(number(0...7_200)))), approval: maybe(25, true),
          silentAfter: maybe(50, DurationText(.seconds(number(600...14_400)))))
      }
      return stage
    }
  }

  @discardableResult private func addCustomer() -> Int {
    let index = customers.count
    var customer = SimulatedCustomer(
      name: "org-\(index)", labels: chance(40) ? ["ring": "early"] : [:],
      style: SimulatedCustomer.Style.allCases[number(0...2)], hasWebhook: chance(80),
      licenseExpiresAt: maybe(10, later(0...30_000)), pollInterval: number(600...3_600),
      failureShare: [0, 0, 5, 30][number(0...3)], slowness: [1, 1, 5, 40][number(0...3)],
      version: ["2.2.0", "2.2.0", "2.2.0", "1.9.0", "2.3.0", "latest", "2.4.0"][number(0...6)],
      deploymentType: chance(20) ? .docker : .kubernetes, ignoresOffers: chance(10),
      reportedVersion: "", lastSeen: now)
    customer.reportedVersion = customer.version
    customers.append(customer)
    queue.add(.poll(index), at: later(0...customer.pollInterval))
    if customer.licenseExpiresAt != nil, chance(50) { queue.add(.renewLicense(index), at: later(10_000...43_200)) }
    if chance(25) {
      let start = number(0...30_000)
      queue.add(.down(index, true), at: later(start...start))
      if chance(70) { queue.add(.down(index, false), at: later((start + 60)...43_200)) }
    }
    return index
  }

  // MARK: - Time

  /// - Throws: `Violation`.
  func run() throws {
    let end = now + .seconds(20 * 86_400)
    while let (time, event) = queue.next() {
      now = max(now, time)
      step += 1
      guard step < 200_000, now < end else { break }
      if isTracing {
        switch event {
        case .poll, .health, .plan: break
        default: note("\(event)")
        }
      }
      try handle(event)
      if isChanged {
        isChanged = false
        try checkCounts()
        schedulePlan(later(0...5))
      }
      if isCalm, planAt == nil, hasEnded, isQuiet { return }
    }
    throw violation(
      "the rollout did not end: \(status?.reason ?? "") counts \(counters.map(\.members)) phase \(status?.phase.rawValue ?? "")"
    )
  }

  private var hasEnded: Bool { status?.phase == .halted || status?.phase == .completed }

  /// Nobody is in the midst of anything.
  private var isQuiet: Bool { !customers.contains { $0.isActive && !$0.isRemoved } }

  func note(_ text: String) {
    guard isTracing else { return }
    trace.append("  \(step) \(now) \(text)")
    if trace.count > 2_000 { trace.removeFirst(1_000) }
  }

  func violation(_ message: String) -> Violation {
    Violation(seed: seed, step: step, now: now, message: message, trace: trace.suffix(1_500))
  }

  func changed() {
    isChanged = true
    if planAt == nil { schedulePlan(later(0...5)) }
  }

  func schedulePlan(_ time: Timestamp) {
    if let planAt, planAt <= time { return }
    planAt = time
    queue.add(.plan, at: time)
  }

  private func handle(_ event: Event) throws {
    switch event {
    case .plan:
      guard planAt == now else { return }
      planAt = nil
      try plan()
    case .webhook(let index, let offer): deliverWebhook(index, offer)
    case .webhookResult(let index, let offer, let isAcknowledged): recordWebhook(index, offer, isAcknowledged)
    case .poll(let index): poll(index)
    case .act(let index, let attempt, let act): self.act(index, attempt, act)
    case .report(let index, let sent): try receive(index, sent)
    case .health:
      updateHealth()
      queue.add(.health, at: now + .seconds(600))
    case .down(let index, let isDown): customers[index].isDown = isDown && !isCalm
    case .user(let action): user(action)
    case .publish:
      release.state = .published
      changed()
    case .join: if !isCalm { addCustomer() }
    case .leave(let index): remove(index)
    case .renewLicense(let index): renewLicense(index)
    case .calm: becomeCalm()
    }
  }

  // MARK: - People

  private func user(_ action: UserAction) {
    guard !isCalm else { return }
    tally["\(action)", default: 0] += 1
    switch action {
    case .pause: if spec.state == .running { spec.state = .paused }
    case .resume: spec.state = .running
    case .approve: spec.approvedStages = spec.stages.map(\.name)
    case .halt: spec.state = .halted
    case .retry: annotations[RolloutKind.retryAnnotation] = now.description
    case .withdraw: release.isWithdrawn = true
    }
    generation += 1
    changed()
  }

  private func remove(_ index: Int) {
    guard !customers[index].isRemoved else { return }
    if fault == .removedOrganizationsStayCounted { customers[index].target = nil } else { setTarget(index, nil) }
    customers[index].isRemoved = true
    changed()
  }

  private func renewLicense(_ index: Int) {
    customers[index].licenseExpiresAt = nil
    // A licence that was renewed is a reason to decide on what was blocked anew.
    guard !customers[index].isRemoved, var target = customers[index].target, target.blocked == .licenseExpired else {
      return
    }
    target.blocked = nil
    setTarget(index, target)
  }

  private func becomeCalm() {
    isCalm = true
    if release.state == .draft { release.state = .published }
    if spec.state == .paused { spec.state = .running }
    spec.approvedStages = spec.stages.map(\.name)
    for index in customers.indices {
      customers[index].isDown = false
      customers[index].slowness = 1
      if customers[index].ignoresOffers {
        customers[index].ignoresOffers = false
        customers[index].knownOffer = nil
      }
      renewLicense(index)
    }
    changed()
  }

  // MARK: - Storage

  /// The only way in which a target changes.
  func setTarget(_ index: Int, _ target: TargetFacts?) {
    if let known = customers[index].target { counters[customers[index].stage][known.bucket] -= 1 }
    customers[index].target = target
    if let target { counters[customers[index].stage][target.bucket] += 1 }
    changed()
  }

  private func updateHealth() {
    for index in customers.indices where !customers[index].isRemoved { setOffline(index) }
  }

  private func setOffline(_ index: Int) {
    guard var target = customers[index].target else { return }
    let isOffline = HealthStatus.isOffline(HealthStatus.health(lastSeen: customers[index].lastSeen, now: now))
    guard isOffline != target.isOffline else { return }
    target.isOffline = isOffline
    if isOffline { tally["offline", default: 0] += 1 }
    setTarget(index, target)
  }

  func seen(_ index: Int) {
    customers[index].lastSeen = now
    setOffline(index)
  }
}
