import FleetProtocol
import TestSupport
import Testing

@testable import FleetSimulator

/// The fleet as a value: nothing is sent, and time is an argument.
@Suite struct SimulatedFleetTests {
  private static let origin: Int64 = 1_800_000_000_000
  /// Seconds from the beginning of 2020 to the origin, and one for the attempt.
  private static let firstNumber = origin / 1000 - 1_577_836_800 + 1

  private let offer = SimulatedFleet.Offer(releaseID: "rel-1", version: "2.3.0")

  private func fleet(_ change: (inout FleetBehaviour) -> Void = { _ in }, count: Int = 1) -> SimulatedFleet {
    var behaviour = FleetBehaviour(
      offline: 0, slow: 0, failing: 0, neverConsents: 0, heartbeatInterval: .seconds(3600),
      pollInterval: .seconds(3600),
      consentDelay: .seconds(10), deploymentTime: .seconds(20))
    change(&behaviour)
    return SimulatedFleet(names: (0..<count).map { "c\($0)" }, behaviour: behaviour, origin: Self.origin)
  }

  /// The next report, by whatever time.
  private func report(_ fleet: inout SimulatedFleet, by now: Int64) -> SimulatedFleet.Call? {
    while let call = fleet.next(now: now) {
      switch call.task {
      case .heartbeat, .poll: fleet.handle(.notModified(nextSeconds: nil), to: call, now: now)
      case .schedule, .begin, .finish: return call
      }
    }
    return nil
  }

  private func poll(_ fleet: inout SimulatedFleet, by now: Int64) -> SimulatedFleet.Call? {
    while let call = fleet.next(now: now) { if call.task == .poll { return call } }
    return nil
  }

  private func announce(_ fleet: inout SimulatedFleet, id: String = "w1", now: Int64 = 0) -> SimulatedFleet.WebhookReply
  {
    fleet.receive(customer: 0, id: id, isSigned: true, offer: offer, now: now)
  }

  @Test func aWebhookLeadsToThreeReportsInTheirOrder() throws {
    var fleet = fleet()
    #expect(announce(&fleet) == .status(200, delayMilliseconds: 0))
    #expect(fleet.phase(of: 0) == .considering)

    let scheduled = try #require(report(&fleet, by: 30_000))
    guard case .scheduled(let first) = scheduled.payload else {
      Issue.record("not scheduled")
      return
    }
    #expect(
      first.organizationName == "c0" && first.releaseID == "rel-1" && first.attemptID == "c0.2.3.0.\(Self.firstNumber)")
    fleet.handle(.accepted(nextSeconds: nil), to: scheduled, now: 30_000)

    let begin = try #require(report(&fleet, by: 30_000))
    guard case .status(let second) = begin.payload else {
      Issue.record("no status")
      return
    }
    #expect(second.status == .inProgress && second.attempt == Self.firstNumber && second.currentVersion == nil)
    fleet.handle(.accepted(nextSeconds: nil), to: begin, now: 30_000)
    #expect(fleet.phase(of: 0) == .deploying)
    #expect(report(&fleet, by: 31_000) == nil)

    let finish = try #require(report(&fleet, by: 100_000))
    guard case .status(let third) = finish.payload else {
      Issue.record("no status")
      return
    }
    #expect(third.status == .success && third.currentVersion == "2.3.0")
    fleet.handle(.accepted(nextSeconds: nil), to: finish, now: 100_000)
    #expect(fleet.version(of: 0) == "2.3.0" && fleet.phase(of: 0) == .idle)
    #expect(fleet.counters.reportsByStatus == [.scheduled: 1, .inProgress: 1, .success: 1])
  }

  @Test func aRepeatedWebhookIsKnownByItsID() {
    var fleet = fleet()
    _ = announce(&fleet)
    #expect(announce(&fleet, now: 60_000) == .status(200, delayMilliseconds: 0))
    #expect(fleet.counters.webhooksReceived == 1 && fleet.counters.webhooksRepeated == 1)
  }

  @Test func aPollFindsWhatTheWebhookDidNotBring() throws {
    var fleet = fleet { $0.pollInterval = .seconds(10) }
    let call = try #require(poll(&fleet, by: 10_000))
    fleet.handle(.updates(offer: offer, etag: "\"1\"", nextSeconds: nil), to: call, now: 10_000)
    #expect(fleet.phase(of: 0) == .considering && fleet.counters.offersByPoll == 1)
    // The webhook comes late: nothing new.
    _ = announce(&fleet, now: 11_000)
    #expect(fleet.counters.webhooksReceived == 1)
    guard case .poll(let etag) = poll(&fleet, by: 22_000)?.payload else {
      Issue.record("no poll")
      return
    }
    #expect(etag == "\"1\"")
  }

  @Test func anOfferThatIsTakenBackIsForgottenUnlessItIsNewerThanTheAnswer() throws {
    var fleet = fleet { $0.pollInterval = .seconds(10) }
    var poll = try #require(poll(&fleet, by: 10_000))
    _ = announce(&fleet, now: 10_001)
    fleet.handle(.updates(offer: nil, etag: "\"0\"", nextSeconds: nil), to: poll, now: 10_002)
    #expect(fleet.phase(of: 0) == .considering)
    poll.sent = 10_500
    fleet.handle(.updates(offer: nil, etag: "\"0\"", nextSeconds: nil), to: poll, now: 10_501)
    #expect(fleet.phase(of: 0) == .idle && fleet.counters.offersTakenBack == 1)
    #expect(report(&fleet, by: 1_000_000) == nil)
  }

  @Test func aReportThatIsNotAcceptedIsSentAgain() throws {
    var fleet = fleet()
    _ = announce(&fleet)
    let first = try #require(report(&fleet, by: 30_000))
    fleet.handle(.refused(status: 503), to: first, now: 30_000)
    #expect(report(&fleet, by: 30_500) == nil)
    let second = try #require(report(&fleet, by: 40_000))
    fleet.handle(.tooMany(retryAfterSeconds: 60), to: second, now: 40_000)
    #expect(report(&fleet, by: 99_000) == nil)
    let third = try #require(report(&fleet, by: 120_000))
    fleet.handle(.accepted(nextSeconds: nil), to: third, now: 120_000)
    #expect(fleet.phase(of: 0) == .scheduled && fleet.counters.reportsRepeated == 2)
  }

  @Test func whatFailedIsTriedAgainOnlyWhereTheServerAnnouncesIt() throws {
    var fleet = fleet { $0.failing = 1 }
    _ = announce(&fleet)
    for now in [30_000, 30_000, 100_000] as [Int64] {
      let call = try #require(report(&fleet, by: now))
      fleet.handle(.accepted(nextSeconds: nil), to: call, now: now)
    }
    #expect(fleet.phase(of: 0) == .failed && fleet.version(of: 0) == nil)
    let poll = SimulatedFleet.Call(
      customer: 0, task: .poll, due: 100_000, sent: 100_000, epoch: 0, payload: .poll(etag: ""))
    fleet.handle(.updates(offer: offer, etag: "", nextSeconds: nil), to: poll, now: 100_000)
    #expect(fleet.phase(of: 0) == .failed)
    _ = announce(&fleet, id: "w2", now: 200_000)
    let again = try #require(report(&fleet, by: 300_000))
    guard case .scheduled(let report) = again.payload else {
      Issue.record("not scheduled")
      return
    }
    #expect(report.attemptID == "c0.2.3.0.\(Self.firstNumber + 1)")
  }

  @Test func whoIsOfflineSendsNothingAndAnswersNothing() {
    var fleet = fleet { $0.offline = 1 }
    #expect(fleet.next(now: .max) == nil)
    #expect(announce(&fleet) == .none)
    #expect(fleet.counters.webhooksToOffline == 1)
  }

  @Test func whoNeverConsentsAnswersTheWebhookAndReportsNothing() {
    var fleet = fleet { $0.neverConsents = 1 }
    #expect(announce(&fleet) == .status(200, delayMilliseconds: 0))
    #expect(report(&fleet, by: 10_000_000) == nil)
  }

  @Test func slowCustomersAnswerLate() {
    var fleet = fleet { $0.slow = 1 }
    guard case .status(200, let delay) = announce(&fleet) else {
      Issue.record("not answered")
      return
    }
    #expect((1000...5000).contains(delay))
  }

  @Test func aWebhookThatIsNotTheVendorsIsRefused() {
    var fleet = fleet()
    #expect(
      fleet.receive(customer: 0, id: "w", isSigned: false, offer: offer, now: 0) == .status(401, delayMilliseconds: 0))
    #expect(
      fleet.receive(customer: 0, id: nil, isSigned: true, offer: offer, now: 0) == .status(400, delayMilliseconds: 0))
    #expect(
      fleet.receive(customer: 0, id: "w", isSigned: true, offer: nil, now: 0) == .status(400, delayMilliseconds: 0))
    #expect(
      fleet.receive(customer: 9, id: "w", isSigned: true, offer: offer, now: 0) == .status(404, delayMilliseconds: 0))
    #expect(fleet.phase(of: 0) == .idle)
  }

  @Test func eachCustomerHasOneHeartbeatAndOnePollAhead() throws {
    var fleet = fleet({ ($0.heartbeatInterval, $0.pollInterval) = (.seconds(10), .seconds(10)) }, count: 50)
    var sent: [SimulatedFleet.Task: Int] = [:]
    for now in stride(from: Int64(0), through: 100_000, by: 10) {
      while let call = fleet.next(now: now) {
        sent[call.task, default: 0] += 1
        fleet.handle(
          call.task == .poll ? .notModified(nextSeconds: nil) : .accepted(nextSeconds: nil), to: call, now: now)
      }
    }
    for task in [SimulatedFleet.Task.heartbeat, .poll] { #expect((480...560).contains(try #require(sent[task]))) }
  }
}
