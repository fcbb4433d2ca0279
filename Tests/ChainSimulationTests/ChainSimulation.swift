import DeploymentKinds
import FleetKinds
import FleetPlanning
import FleetProtocol
import MaintenanceWindows
import OfferPlanning
import TestSupport
import WireFormats

/// The whole chain in virtual time: a vendor with several releases and their rollouts, customers with a Backend and an Agent each.
/// Messages are lost, repeated, late and reordered; every program is killed between what it records and what it does; databases are
/// restored, clocks are apart, and people do what people do. After every step all rules are checked. Everything follows from the
/// seed.
///
/// After some hours of that it becomes calm: then everything has to come to its right end.
final class ChainSimulation {
  struct Customer {
    var backend: SimulatedBackend
    var agent: SimulatedAgent
    var snapshot: SimulatedBackend?
    /// Grows with each start of the Backend: what an earlier process has begun is lost with it.
    var incarnation = 0
    var isUp = true
    var isAgentUp = true
    var isCut = false
    /// How far its clocks are ahead.
    var clock: Duration
    var agentClock: Duration
    var upSince: Timestamp
    /// What lies in its bucket, by version.
    var bucket: [String: String] = [:]
    var consents: [Consent] = []
    /// Its database was restored: what was taken back may be asked for again.
    var wasRestored = false
    var checkedNotices = 0
    var toldOnce: Set<String> = []
    /// Its admin does nothing before it is calm.
    var isIdle = false
    var pollAt: Timestamp?
    var isPollWanted = false
  }

  struct Consent {
    var version: String
    var task: String?
    /// Of the policy Automatic: when.
    var window: Timestamp?
    var isTakenBack = false
  }

  enum Event {
    case plan(release: Int)
    case publish(release: Int)
    case user(release: Int)
    case webhook(Int, release: Int, offer: Timestamp)
    case webhookResult(Int, release: Int, offer: Timestamp, isAcknowledged: Bool)
    case poll(Int)
    case answer(Int, ReleaseOffer?, askedAt: Timestamp, claim: Timestamp, incarnation: Int)
    case heartbeat(Int, incarnation: Int)
    case download(Int, incarnation: Int, isRegular: Bool)
    case downloaded(Int, id: String, ArtifactDemand, incarnation: Int)
    case pass(Int, incarnation: Int, isRegular: Bool)
    case transmit(Int, id: String, incarnation: Int)
    case arrive(Int, SimulatedBackend.Report, id: String, incarnation: Int)
    case acknowledge(Int, id: String, incarnation: Int)
    case agent(Int, isRegular: Bool)
    case admin(Int)
    case backendUp(Int)
    case agentProcess(Int, isUp: Bool)
    case link(Int, isCut: Bool)
    case vendorUp(Bool)
    case snapshot(Int?)
    case restore(Int?)
    case setClock(Int)
    case health
    case calm
  }

  let seed: UInt64
  let fault: ChainFault?
  var random: SeededGenerator
  var queue = EventQueue<Event>()
  var now = Timestamp(seconds: 1_800_000_000)
  var isCalm = false
  var isVendorUp = true
  var step = 0
  var ids = 0
  let isTracing: Bool
  var trace: [String] = []
  var vendor = SimulatedVendor()
  var vendorSnapshot: SimulatedVendor?
  var vendorWasRestored = false
  var customers: [Customer] = []
  let calendar: MaintenanceCalendar
  var tally: [String: Int] = [:]
  /// When anything last went forward.
  var lastChange: Timestamp

  init(seed: UInt64, fault: ChainFault? = nil, isTracing: Bool = false) {
    self.seed = seed
    self.fault = fault
    self.isTracing = isTracing
    // Not a multiple of the generator's own step: seeds would be one sequence, shifted.
    random = SeededGenerator(seed: seed &* 0xD134_2543_DE82_EF95)
    calendar = Self.calendar
    lastChange = now
    makeVendor()
    for _ in 0..<number(1...3) { addCustomer() }
    let storm = number(4...10) * 3_600
    for _ in 0..<number(0...3) {
      queue.add(.user(release: number(0...(vendor.releases.count - 1))), at: later(0...storm))
    }
    if chance(25) {
      queue.add(.snapshot(nil), at: later(0...(storm / 2)))
      queue.add(.restore(nil), at: later((storm / 2)...storm))
    }
    if chance(40) {
      let time = number(0...storm)
      queue.add(.vendorUp(false), at: later(time...time))
      queue.add(.vendorUp(true), at: later((time + 30)...(time + 3_600)))
    }
    queue.add(.health, at: later(900...900))
    queue.add(.calm, at: later(storm...storm))
  }

  /// From 9 to 12 and from 15 to 17 of each day, in a zone without changes.
  static let calendar: MaintenanceCalendar = {
    let window = { (from: String, to: String) -> JSONValue in
      [
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "from": .string(from), "to": .string(to),
        "timeZone": "UTC",
      ]
    }
    do {
      return try MaintenanceCalendar(
        reading: ["windows": [window("09:00", "12:00"), window("15:00", "17:00")]], zones: { _ in .utc })
    } catch { preconditionFailure("the windows are not right: \(error)") }
  }()

  private func addCustomer() {
    let index = customers.count
    let version = "2.2.0"
    var customer = Customer(
      backend: SimulatedBackend(organization: "org-\(index)", currentVersion: version),
      agent: SimulatedAgent(version: version, since: now + .seconds(-86_400)),
      clock: .seconds(chance(30) ? number(-5_400...5_400) : number(-2...2)),
      agentClock: .seconds(chance(20) ? number(-240...240) : 0), upSince: now + .seconds(-86_400))
    customer.agentClock += customer.clock
    customer.isIdle = chance(25)
    customer.backend.forcedTime = .seconds(number(2...14) * 3_600)
    customer.agent.versions[1] = version
    customer.backend.history = [
      .init(taskID: "first", version: version, status: .success, deployedAt: customer.agent.since, isRollback: false)
    ]
    if chance(35) { (customer.backend.policy, customer.backend.automaticSince) = (.automatic, now + .seconds(-60)) }
    customers.append(customer)
    vendor.organizations.append(.init(currentVersion: version, lastSeen: now))
    let storm = 36_000
    startBackend(index)
    queue.add(.agent(index, isRegular: true), at: later(0...60))
    queue.add(.admin(index), at: later(600...3_600))
    func disturb(_ percent: Int, _ first: Event, _ second: Event, _ length: ClosedRange<Int>) {
      guard chance(percent) else { return }
      let time = number(0...storm)
      queue.add(first, at: later(time...time))
      queue.add(second, at: later((time + length.lowerBound)...(time + length.upperBound)))
    }
    disturb(40, .link(index, isCut: true), .link(index, isCut: false), 30...7_200)
    disturb(40, .agentProcess(index, isUp: false), .agentProcess(index, isUp: true), 5...5_400)
    disturb(20, .snapshot(index), .restore(index), 600...14_400)
    if chance(15) { queue.add(.setClock(index), at: later(0...storm)) }
  }

  // MARK: - Chance and time

  func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  func chance(_ percent: Int) -> Bool { number(0...99) < percent }
  func later(_ seconds: ClosedRange<Int>) -> Timestamp {
    now + .milliseconds(number((seconds.lowerBound * 1_000)...(seconds.upperBound * 1_000)))
  }
  func makeID() -> String {
    ids += 1
    return "id-\(ids)"
  }

  // MARK: - The run

  /// - Throws: `ChainViolation`.
  func run() throws {
    let end = now + .seconds(12 * 86_400)
    while let (time, event) = queue.next() {
      now = max(now, time)
      step += 1
      guard step < 100_000, now < end else { break }
      try handle(event)
      if isCalm, step % 16 == 0, isAtRest { return try checkEnd() }
    }
    try checkEnd()
    throw violation("it did not come to rest")
  }

  func note(_ text: @autoclosure () -> String) {
    guard isTracing else { return }
    trace.append("  \(step) \(now.wholeSeconds) \(text())")
  }

  func violation(_ message: String) -> ChainViolation {
    ChainViolation(seed: seed, step: step, now: now, message: message, trace: Array(trace.suffix(800)))
  }

  private func handle(_ event: Event) throws {
    switch event {
    case .plan(let release):
      guard vendor.releases[release].planAt == now else { return }
      vendor.releases[release].planAt = nil
      try plan(release)
    case .publish(let release):
      vendor.releases[release].facts.state = .published
      changed(release)
    case .user(let release): user(release)
    case .webhook(let customer, let release, let offer): deliverWebhook(customer, release, offer)
    case .webhookResult(let customer, let release, let offer, let isAcknowledged):
      recordWebhook(customer, release, offer, isAcknowledged)
    case .poll(let customer): try poll(customer)
    case .answer(let customer, let offer, let askedAt, let claim, let incarnation):
      try take(customer, offer, askedAt, claim, incarnation)
    case .heartbeat(let customer, let incarnation): heartbeat(customer, incarnation)
    case .download(let customer, let incarnation, let isRegular):
      try download(customer, incarnation, isRegular: isRegular)
    case .downloaded(let customer, let id, let demand, let incarnation):
      try downloaded(customer, id, demand, incarnation)
    case .pass(let customer, let incarnation, let isRegular): try pass(customer, incarnation, isRegular: isRegular)
    case .transmit(let customer, let id, let incarnation): transmit(customer, id, incarnation)
    case .arrive(let customer, let report, let id, let incarnation): try arrive(customer, report, id, incarnation)
    case .acknowledge(let customer, let id, let incarnation): try acknowledge(customer, id, incarnation)
    case .agent(let customer, let isRegular): try agentTick(customer, isRegular: isRegular)
    case .admin(let customer): try admin(customer)
    case .backendUp(let customer): if !customers[customer].isUp { startBackend(customer) }
    case .agentProcess(let customer, let isUp):
      customers[customer].isAgentUp = isUp || isCalm
      customers[customer].agent.attempt = nil
    case .link(let customer, let isCut): customers[customer].isCut = isCut && !isCalm
    case .vendorUp(let isUp): isVendorUp = isUp || isCalm
    case .snapshot(let customer):
      if let customer { customers[customer].snapshot = customers[customer].backend } else { vendorSnapshot = vendor }
    case .restore(let customer): restore(customer)
    case .setClock(let customer):
      let change = Duration.seconds(number(-3_600...3_600))
      customers[customer].clock += change
      customers[customer].agentClock += change
    case .health:
      updateHealth()
      queue.add(.health, at: now + .seconds(900))
    case .calm: becomeCalm()
    }
  }

  private func restore(_ customer: Int?) {
    guard !isCalm else { return }
    guard let customer else {
      guard let vendorSnapshot else { return }
      note("the vendor's database is restored")
      tally["vendor restored", default: 0] += 1
      vendor = vendorSnapshot
      vendorWasRestored = true
      for release in vendor.releases.indices {
        vendor.releases[release].planAt = nil
        changed(release)
      }
      return
    }
    guard let snapshot = customers[customer].snapshot else { return }
    note("the database of \(customer) is restored")
    tally["customer restored", default: 0] += 1
    customers[customer].backend = snapshot
    customers[customer].wasRestored = true
    customers[customer].checkedNotices = snapshot.told.count
    customers[customer].toldOnce = []
    startBackend(customer)
  }

  private func becomeCalm() {
    note("calm")
    isCalm = true
    isVendorUp = true
    lastChange = now
    for release in vendor.releases.indices {
      vendor.releases[release].facts.state = .published
      if vendor.releases[release].spec.state == .paused { vendor.releases[release].spec.state = .running }
      vendor.releases[release].spec.approvedStages = vendor.releases[release].spec.stages.map(\.name)
      changed(release)
    }
    for index in customers.indices {
      (customers[index].isCut, customers[index].isAgentUp) = (false, true)
      customers[index].backend.policy = .manual
      if !customers[index].isUp { startBackend(index) }
    }
  }
}

/// A rule that did not hold.
struct ChainViolation: Error, CustomStringConvertible {
  var seed: UInt64
  var step: Int
  var now: Timestamp
  var message: String
  var trace: [String]

  var description: String {
    """
    seed \(seed), step \(step), \(now): \(message). Run it again with CHAIN_SEED=\(seed).
    \(trace.joined(separator: "\n"))
    """
  }
}

/// Faults that are put in to see that they are found.
enum ChainFault: String, Sendable, CaseIterable {
  case severalDeploymentsAtOnce
  case downloadsAreNotVerified
  case reportsAreSentOnce
  case noticesForgetThatTheyWereTold
  case windowsAreForgotten
  case deadlinesDeploy
  case endedOffersComeAgain
  case triesHaveOneName
  case lateSuccessIsNotSeen
  case overtakenOffersStand
  case returnsAreNotReported
}
