import Logging
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import Reconciliation

@Suite(.timeLimit(.minutes(1)))
struct BatchControllerTests {
  private static func controller(
    _ table: SimulatedTable, process: Int = 1, limit: Int = 4, clock: any Clock<Duration> = ManualClock(),
    log: LogRecorder = LogRecorder()
  ) -> BatchController<SimulatedTable.Process> {
    BatchController(
      BatchConfiguration(
        name: "targets", limit: limit, longestWait: .seconds(60), shortestWait: .seconds(1),
        backoff: Backoff(base: .seconds(1), maximum: .seconds(8), jitter: 0)),
      source: SimulatedTable.Process(table: table, number: process), logger: log.logger, clock: clock,
      now: { table.now }, decide: table.decide)
  }

  /// Works until nothing is left to do, a new process in the place of each that dies, the time of the table in the place
  /// of waiting.
  private static func settle(_ table: SimulatedTable) async {
    var process = 1
    var controller = Self.controller(table, process: process)
    while !table.isDone {
      switch try? await controller.pass() {
      case .now: break
      case .after(let delay): table.set { $0.now += Int(delay.components.seconds) }
      case .whenWoken, .finish: return
      case nil:
        process += 1
        controller = Self.controller(table, process: process)
      }
    }
  }

  @Test func everyRowThatIsDueIsDecidedAndCommittedInBoundedSets() async {
    let table = SimulatedTable(rows: 10, target: 1)
    await Self.settle(table)
    #expect(table.levels == Array(repeating: 1, count: 10))
    #expect(table.state.withLock { $0.commits } == [4, 4, 2])
  }

  @Test(arguments: [false, true])
  func deathAtAnyCallChangesNothingOfTheEnd(diesAfterEffect: Bool) async {
    let undisturbed = SimulatedTable(rows: 6)
    await Self.settle(undisturbed)
    let calls = undisturbed.state.withLock { $0.calls }
    #expect(calls > 12)
    for call in 1...calls {
      let table = SimulatedTable(rows: 6)
      table.set { state in
        state.dieAt = call
        state.diesAfterEffect = diesAfterEffect
      }
      await Self.settle(table)
      #expect(table.levels == undisturbed.levels, "dead at call \(call)")
      #expect(table.state.withLock { $0.raised } == undisturbed.state.withLock { $0.raised }, "dead at call \(call)")
    }
  }

  @Test func processesSideBySideRaiseEveryRowOnceALevel() async {
    let table = SimulatedTable(rows: 60, target: 6, step: 0)
    await withDiscardingTaskGroup { group in
      for process in 1...4 {
        group.addTask {
          let controller = Self.controller(table, process: process, limit: 7)
          while !table.isDone {
            if (try? await controller.pass()) != .now { table.set { $0.now += 1 } }
            await Task.yield()
          }
        }
      }
    }
    #expect(table.levels == Array(repeating: 6, count: 60))
    let raised = table.state.withLock { $0.raised }
    #expect(raised.count == 6)
    #expect(raised.values.allSatisfy { $0.count == 60 && $0.values.allSatisfy { $0 == 1 } })
  }

  @Test func aRowThatCannotBeCommittedCostsTheOthersNoWaiting() async throws {
    let table = SimulatedTable(rows: 8, target: 1)
    table.set { $0.poison = 2 }
    let controller = Self.controller(table, limit: 8)
    while table.levels.reduce(0, +) < 7 { #expect(try await controller.pass() == .now) }
  }

  @Test func aRowThatCannotBeCommittedEndsUpAloneAndInNobodysWay() async {
    let table = SimulatedTable(rows: 8, target: 1)
    table.set { $0.poison = 2 }
    let log = LogRecorder()
    let controller = Self.controller(table, limit: 8, log: log)
    while table.levels.reduce(0, +) < 7 { _ = try? await controller.pass() }
    #expect(table.levels == [1, 1, 0, 1, 1, 1, 1, 1])
    #expect(table.state.withLock { $0.commits } == [8, 4, 4, 2, 2, 1, 1])
    #expect(
      log.records.filter { $0.message == "a row cannot be committed and is left to the end of its claim" }.count == 1)
    table.set { state in
      state.poison = nil
      state.now += SimulatedTable.lease
    }
    await Self.settle(table)
    #expect(table.isDone)
  }

  @Test func aDatabaseThatIsAwayIsAskedAfterTheBackoffAndNotBefore() async throws {
    let table = SimulatedTable(rows: 1, target: 1)
    table.set { $0.isAway = true }
    let (clock, log) = (ManualClock(), LogRecorder())
    let controller = Self.controller(table, clock: clock, log: log)
    let running = Task { await controller.run() }
    for (call, delay) in [1, 2, 4, 8, 8].enumerated() {
      await clock.waitForSleepers()
      #expect(table.state.withLock { $0.calls } == call + 1)
      // Whoever calls meanwhile changes nothing of it.
      controller.wake()
      #expect(clock.sleeperCount == 1)
      let deadline = try #require(clock.nextDeadline)
      #expect(clock.now.duration(to: deadline) == .seconds(delay))
      if call == 4 { table.set { $0.isAway = false } }
      clock.advance(by: .seconds(delay))
    }
    await clock.waitForSleepers()
    #expect(table.isDone)
    controller.stop()
    await running.value
    let failures = log.records.filter { $0.level == .error }
    #expect(failures.count == 5)
    #expect(failures.first?.metadata["controller"]?.description == "targets")
    #expect(failures.first?.metadata["error"]?.description == "the database is away")
  }

  @Test func waitsUntilTheNextRowIsDueOrASignalComes() async throws {
    let table = SimulatedTable(rows: 1, target: 2, step: 10)
    let clock = ManualClock()
    let controller = Self.controller(table, clock: clock)
    let running = Task { await controller.run() }
    await clock.waitForSleepers()
    #expect(table.levels == [1])
    #expect(clock.nextDeadline?.offset == .seconds(10))
    table.set { $0.now = 10 }
    clock.advance(by: .seconds(10))
    await clock.waitForSleepers()
    #expect(table.levels == [2])
    // Nothing is due any more: only the longest wait bounds this one.
    #expect(clock.nextDeadline?.offset == .seconds(70))
    let calls = table.state.withLock { $0.calls }
    table.set { $0.rows[0].dueAt = 0 }
    clock.advance(by: .seconds(1))
    controller.wake()
    await clock.waitForSleeper(until: .seconds(71))
    #expect(table.levels == [3])
    #expect(table.state.withLock { $0.calls } >= calls + 2)
    controller.stop()
    await running.value
  }

  @Test func whatOthersHoldIsNotAskedForInATightLoop() async throws {
    struct Contended: BatchSource {
      func claim(limit: Int) async throws -> Batch<Int> { Batch(id: "a", rows: [], nextDue: .zero) }
      func commit(_ changes: [Int], of batch: Batch<Int>) async throws {}
    }
    let controller = BatchController(
      BatchConfiguration(name: "targets", shortestWait: .seconds(2)), source: Contended(),
      logger: LogRecorder().logger, clock: ManualClock(), now: { Timestamp(seconds: 0) }, decide: { row, _ in row })
    #expect(try await controller.pass() == .after(.seconds(2)))
  }

  /// A source whose commit waits to be let through.
  private final class GatedSource: BatchSource {
    let began: AsyncStream<Void>
    let gate: AsyncStream<Void>
    let begin: AsyncStream<Void>.Continuation
    let open: AsyncStream<Void>.Continuation
    let claims = Mutex(0)
    let committed = Mutex<[Int]>([])

    init() {
      (began, begin) = AsyncStream.makeStream(of: Void.self)
      (gate, open) = AsyncStream.makeStream(of: Void.self)
    }

    func claim(limit: Int) async throws -> Batch<Int> {
      claims.withLock { $0 += 1 }
      return Batch(id: "a", rows: [1, 2, 3], nextDue: nil)
    }

    func commit(_ changes: [Int], of batch: Batch<Int>) async throws {
      begin.yield()
      for await _ in gate { break }
      try Task.checkCancellation()
      committed.withLock { $0 += changes }
    }
  }

  @Test(arguments: [false, true])
  func aRunningBatchIsCommittedWhenTheControllerStops(byCancellation: Bool) async {
    let source = GatedSource()
    let controller = BatchController(
      BatchConfiguration(name: "targets"), source: source, logger: LogRecorder().logger, clock: ManualClock(),
      now: { Timestamp(seconds: 0) }, decide: { row, _ in row * 10 })
    let running = Task { await controller.run() }
    for await _ in source.began { break }
    if byCancellation { running.cancel() } else { controller.stop() }
    source.open.yield()
    await running.value
    #expect(source.committed.withLock { $0 } == [10, 20, 30])
    #expect(source.claims.withLock { $0 } == 1)
  }
}

@Suite(.timeLimit(.minutes(1)))
struct DueLoopTests {
  private static func loop(_ clock: ManualClock) -> DueLoop {
    DueLoop(
      longestWait: .seconds(60), backoff: Backoff(base: .seconds(1), jitter: 0), clock: clock,
      logger: LogRecorder().logger)
  }

  @Test func aCallDuringAPassLeadsToAnotherPass() async {
    let clock = ManualClock()
    let loop = Self.loop(clock)
    let passes = Mutex(0)
    await loop.run {
      let pass = passes.withLock { passes in
        passes += 1
        return passes
      }
      if pass == 1 { loop.wake() }
      return pass == 1 ? .whenWoken : .finish
    }
    #expect(passes.withLock { $0 } == 2)
    #expect(clock.sleeperCount == 0)
  }

  @Test(arguments: [DueLoop.Next.whenWoken, .after(.seconds(600))])
  func theLongestWaitBoundsEveryOther(_ next: DueLoop.Next) async {
    let clock = ManualClock()
    let loop = Self.loop(clock)
    let running = Task { await loop.run { next } }
    await clock.waitForSleepers()
    #expect(clock.nextDeadline?.offset == .seconds(60))
    running.cancel()
    await running.value
  }

  @Test func aStopCutsABackoffShort() async {
    struct Broken: Error {}
    let clock = ManualClock()
    let loop = Self.loop(clock)
    let running = Task { await loop.run { throw Broken() } }
    await clock.waitForSleepers()
    loop.stop()
    await running.value
    #expect(clock.now.offset == .zero)
  }
}
