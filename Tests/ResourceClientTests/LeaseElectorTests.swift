import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@Suite struct LeaseElectorTests {
  private let api = FakeResourceAPI()
  private let clock = ManualClock()
  private let path = "\(Fixtures.leases)/agent"

  private func elector(_ identity: String) -> LeaseElector {
    LeaseElector(
      client: Fixtures.client(api), lease: Fixtures.key("agent"), identity: identity, clock: clock,
      now: { Timestamp(seconds: 1000) }, random: { 0 }, logger: Fixtures.logger)
  }

  private var holder: String? { api.object(at: path)?["spec"]?["holderIdentity"]?.string }

  @Test func theFirstLeadsAndReleasesWhenItsWorkEnds() async throws {
    let elector = elector("one")
    try await elector.acquire()
    #expect(holder == "one")
    let end = await elector.hold { 7 }
    guard case .finished(7) = end else {
      Issue.record("the work did not end by itself")
      return
    }
    #expect(holder == "")
  }

  @Test func theSecondStandsByUntilTheFirstReleases() async throws {
    let (first, second) = (elector("one"), elector("two"))
    try await first.acquire()
    let standby = Task { try await second.acquire() }
    await clock.waitForSleepers(1)
    #expect(holder == "one")
    _ = await first.hold {}
    clock.advance(by: .seconds(2))
    try await standby.value
    #expect(holder == "two")
  }

  @Test func aCandidateTakesOverFromOneThatDied() async throws {
    try await elector("dead").acquire()
    let next = elector("next")
    let takeover = Task { try await next.acquire() }
    for _ in 0..<7 {
      await clock.waitForSleepers(1)
      #expect(holder == "dead")
      clock.advance(by: .seconds(2))
    }
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(2))
    try await takeover.value
    #expect(holder == "next")
    #expect(api.object(at: path)?["spec"]?["leaseTransitions"] == 1)
  }

  @Test func theHolderRenewsWhileItsWorkGoesOn() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let (signal, finish) = AsyncStream<Void>.makeStream()
    let holding = Task { await elector.hold { for await _ in signal {} } }
    for count in 1...3 {
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(2))
      await api.requests { requests in requests.count { $0.method == "PUT" } >= count }
    }
    finish.finish()
    _ = await holding.value
    #expect(holder == "")
  }

  @Test func aRenewalThatFailedDoesNotKeepTheLeaseFromBeingReleased() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let (signal, finish) = AsyncStream<Void>.makeStream()
    let holding = Task { await elector.hold { for await _ in signal {} } }
    await clock.waitForSleepers(1)
    api.failNext(FakeResourceAPI.failure(.serviceUnavailable))
    clock.advance(by: .seconds(2))
    await api.requests { requests in requests.count { $0.method == "PUT" } >= 1 }
    await clock.waitForSleepers(1)
    finish.finish()
    _ = await holding.value
    #expect(holder == "")
  }

  @Test func aNamespaceThatIsBeingDeletedIsLedWithoutALease() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let (signal, finish) = AsyncStream<Void>.makeStream()
    let holding = Task { await elector.hold { for await _ in signal {} } }
    await clock.waitForSleepers(1)
    api.remove(path)
    let refusal = FakeResourceAPI.failure(
      .forbidden,
      "leases \"agent\" is forbidden: unable to create new content in namespace x because it is being terminated")
    for count in 1...8 {
      // The first renewal finds no lease; from then on none can be made.
      if count > 1 { api.failNext(FakeResourceAPI.failure(.notFound), refusal) }
      clock.advance(by: .seconds(2))
      await clock.waitForSleepers(1)
    }
    finish.finish()
    guard case .finished = await holding.value else {
      Issue.record("the lead was lost")
      return
    }
    #expect(holder == nil)
  }

  @Test func workIsCancelledWhenTheLeaseCannotBeRenewed() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let holding = Task {
      await elector.hold { () -> Bool in
        let (never, keep) = AsyncStream<Void>.makeStream()
        for await _ in never {}
        withExtendedLifetime(keep) {}
        return Task.isCancelled
      }
    }
    api.setDown(true)
    for _ in 0..<5 {
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(2))
    }
    guard case .lost(let wasCancelled) = await holding.value else {
      Issue.record("the lease was not lost")
      return
    }
    #expect(wasCancelled)
  }

  @Test func aRequestThatHangsDoesNotOutliveTheLease() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let holding = Task {
      await elector.hold {
        let (never, keep) = AsyncStream<Void>.makeStream()
        for await _ in never {}
        withExtendedLifetime(keep) {}
      }
    }
    api.setDown(true)
    for _ in 0..<5 {
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(2))
    }
    _ = await holding.value
    let timeouts = api.requests.map(\.timeout)
    // Two to acquire; each gets half of what is left until the deadline of ten seconds, the last one a second after it.
    #expect(timeouts == [5, 5, 4, 3, 2, 1, 1].map { .seconds($0) })
  }

  @Test func aCandidateThatWasSuspendedAsksTheLeaseItself() async throws {
    let elector = elector("one")
    try await elector.acquire()
    #expect(await elector.isHeld())
    // Another one held it meanwhile and gave it back: by this one's clock no time has passed.
    var lease = try #require(api.object(at: path))
    lease["spec"]?["holderIdentity"] = ""
    lease["spec"]?["leaseTransitions"] = 1
    api.put(lease, at: path)
    #expect(await elector.isHeld() == false)
    lease["spec"]?["holderIdentity"] = "one"
    lease["spec"]?["leaseTransitions"] = 2
    api.put(lease, at: path)
    #expect(await elector.isHeld() == false)
  }

  @Test func withoutAnAnswerTheClockSaysWhetherTheLeaseIsHeld() async throws {
    let elector = elector("one")
    try await elector.acquire()
    api.setDown(true)
    clock.advance(by: .seconds(9))
    #expect(await elector.isHeld())
    clock.advance(by: .seconds(1))
    #expect(await elector.isHeld() == false)
  }

  @Test func aLeaseThatAnotherHeldMeanwhileIsLostThoughItIsFree() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let holding = Task {
      await elector.hold {
        let (never, keep) = AsyncStream<Void>.makeStream()
        for await _ in never {}
        withExtendedLifetime(keep) {}
      }
    }
    await clock.waitForSleepers(1)
    var lease = try #require(api.object(at: path))
    lease["spec"]?["holderIdentity"] = ""
    lease["spec"]?["leaseTransitions"] = 1
    api.put(lease, at: path)
    clock.advance(by: .seconds(2))
    // The renewal conflicts; the next try finds it free, in another term.
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(2))
    guard case .lost = await holding.value else {
      Issue.record("the lease was not lost")
      return
    }
  }

  @Test func whoeverLosesTheLeaseIsToldBeforeTheWorkIsCancelled() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let (story, tell) = AsyncStream<String>.makeStream()
    let holding = Task {
      await elector.hold(whenLost: { tell.yield("told") }) {
        let (never, keep) = AsyncStream<Void>.makeStream()
        await withTaskCancellationHandler {
          for await _ in never {}
        } onCancel: {
          tell.yield("cancelled")
        }
        withExtendedLifetime(keep) {}
      }
    }
    api.setDown(true)
    for _ in 0..<5 {
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(2))
    }
    _ = await holding.value
    tell.finish()
    #expect(await story.reduce(into: []) { $0.append($1) } == ["told", "cancelled"])
  }

  @Test func workIsCancelledWhenAnotherTookTheLease() async throws {
    let elector = elector("one")
    try await elector.acquire()
    let holding = Task {
      await elector.hold {
        let (never, keep) = AsyncStream<Void>.makeStream()
        for await _ in never {}
        withExtendedLifetime(keep) {}
      }
    }
    await clock.waitForSleepers(1)
    var lease = try #require(api.object(at: path))
    lease["spec"] = ["holderIdentity": "thief", "leaseDurationSeconds": 15, "renewTime": "1970-01-01T00:00:00.000000Z"]
    api.put(lease, at: path)
    clock.advance(by: .seconds(2))
    // The renewal conflicts; the next try reads who holds it.
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(2))
    guard case .lost = await holding.value else {
      Issue.record("the lease was not lost")
      return
    }
    #expect(holder == "thief")
  }

  @Test func standingByCanBeCancelled() async throws {
    try await elector("one").acquire()
    let standby = Task { [second = elector("two")] in try await second.acquire() }
    await clock.waitForSleepers(1)
    standby.cancel()
    await #expect(throws: CancellationError.self) { try await standby.value }
  }
}
