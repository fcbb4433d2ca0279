import Logging
import Reconciliation
import Synchronization
import TestSupport
import Testing
import Timing

private struct Broken: Error, CustomStringConvertible {
  var description: String { "the engine is down" }
}

/// A controller on a clock of the test's, whose passes report themselves.
private struct Bench {
  let controller: Controller<NamespacedName>
  let clock = ManualClock()
  let log = LogRecorder()
  let key = NamespacedName(namespace: "wrktalk", name: "main")
  /// The number of each pass that began.
  let passes: AsyncStream<Int>

  init(
    workers: Int = 1, passTimeout: Duration? = nil, stopGrace: Duration = .seconds(30),
    reconcile: @escaping @Sendable (Int) async throws -> ReconcileOutcome
  ) {
    let (passes, report) = AsyncStream.makeStream(of: Int.self)
    let count = Mutex(0)
    self.passes = passes
    let configuration = ControllerConfiguration(
      name: "deployment", workers: workers, passTimeout: passTimeout, stopGrace: stopGrace,
      backoff: Backoff(base: .seconds(1), maximum: .seconds(60), factor: 2, jitter: 0))
    controller = Controller(configuration, logger: log.logger, clock: clock, makeID: Self.makeID) { _ in
      let pass = count.withLock { count in
        count += 1
        return count
      }
      report.yield(pass)
      return try await reconcile(pass)
    }
  }

  @Sendable private static func makeID() -> String { "id" }

  /// Waits for the next pass to begin.
  func nextPass() async -> Int? {
    var iterator = passes.makeAsyncIterator()
    return await iterator.next()
  }

  /// Runs the controller around `body` and stops it after.
  func run(_ body: () async throws -> Void) async throws {
    async let running: Void = controller.run()
    do {
      try await body()
    } catch {
      controller.stop()
      throw error
    }
    controller.stop()
    await running
  }
}

/// Waits until the task is cancelled.
private func untilCancelled() async throws {
  let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
  defer { continuation.finish() }
  for await _ in stream {}
  try Task.checkCancellation()
}

/// What many writers want of some keys, and what many workers saw of it.
private final class World: Sendable {
  struct State {
    var desired = [Int](repeating: 0, count: 40)
    var seen = [Int](repeating: 0, count: 40)
    var held: Set<Int> = []
    var collisions = 0
  }

  let state = Mutex(State())
}

@Suite(.timeLimit(.minutes(1)))
struct ControllerTests {
  @Test func donePassIsNotRepeatedUntilTheNextEvent() async throws {
    let bench = Bench { _ in .done }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 2)
    }
    #expect(bench.clock.sleeperCount == 0)
  }

  @Test func requeuedPassComesAfterItsDelay() async throws {
    let bench = Bench { pass in pass == 1 ? .requeue(after: .seconds(60)) : .done }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      await bench.clock.waitForSleepers()
      #expect(bench.clock.nextDeadline?.offset == .seconds(60))
      bench.clock.advance(by: .seconds(60))
      #expect(await bench.nextPass() == 2)
    }
  }

  @Test func failedPassIsRepeatedWithGrowingDelaysAndSuccessResetsThem() async throws {
    let bench = Bench { pass in
      switch pass {
      case 1: throw Broken()
      case 4: .requeue(after: .seconds(100))
      default: .retry(Broken())
      }
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      for (pass, delay) in [1, 2, 4, 100, 1].enumerated() {
        #expect(await bench.nextPass() == pass + 1)
        await bench.clock.waitForSleepers()
        let deadline = try #require(bench.clock.nextDeadline)
        #expect(bench.clock.now.duration(to: deadline) == .seconds(delay))
        bench.clock.advance(by: .seconds(delay))
      }
      #expect(await bench.nextPass() == 6)
    }
  }

  @Test func newGenerationIsTriedAtOnceAndFromTheFirstDelay() async throws {
    let bench = Bench { _ in .retry(Broken()) }
    try await bench.run {
      bench.controller.queue.add(bench.key, generation: 1)
      for pass in 1...3 {
        #expect(await bench.nextPass() == pass)
        await bench.clock.waitForSleepers()
        if pass < 3 { bench.clock.advance(by: .seconds(60)) }
      }
      bench.controller.queue.add(bench.key, generation: 2)
      #expect(await bench.nextPass() == 4)
      await bench.clock.waitForSleepers()
      let deadline = try #require(bench.clock.nextDeadline)
      #expect(bench.clock.now.duration(to: deadline) <= .seconds(4))
    }
    let failures = bench.log.records.filter { $0.level == .error }.count
    #expect(failures == 4)
  }

  @Test func terminalFailureWaitsForTheNextEvent() async throws {
    let bench = Bench { _ in .terminal(Broken()) }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 2)
    }
    #expect(bench.clock.sleeperCount == 0)
    #expect(bench.log.records.filter { $0.message == "Reconciler error, not retried" }.count == 2)
  }

  @Test func failureIsLoggedWithWhatIsNeededToFindIt() async throws {
    let bench = Bench { _ in throw Broken() }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      await bench.clock.waitForSleepers()
    }
    let record = try #require(bench.log.records.first { $0.level == .error })
    #expect(record.message == "Reconciler error")
    let fields = record.metadata.mapValues(\.description)
    #expect(fields["controller"] == "deployment")
    #expect(fields["namespace"] == "wrktalk")
    #expect(fields["name"] == "main")
    #expect(fields["reconcileID"] == "id")
    #expect(fields["error"] == "the engine is down")
  }

  @Test func passKnowsItsOwnName() async throws {
    let bench = Bench { _ in
      let context = try #require(ReconcileContext.current)
      #expect(context.reconcileID == "id")
      #expect(context.failures == 0)
      #expect(Logger.MetadataProvider.reconcile.get()["name"] == "main")
      return .done
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
    }
    #expect(ReconcileContext.current == nil)
    #expect(bench.log.records.filter { $0.level == .error }.isEmpty)
  }

  @Test func passThatTakesTooLongIsCancelledAndRepeated() async throws {
    let bench = Bench(passTimeout: .seconds(10)) { pass in
      if pass == 1 { try await untilCancelled() }
      return .done
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      await bench.clock.waitForSleepers()
      bench.clock.advance(by: .seconds(10))
      // The pass has ended once the backoff is being slept.
      await bench.clock.waitForSleepers()
      #expect(bench.clock.nextDeadline?.offset == .seconds(11))
      bench.clock.advance(by: .seconds(1))
      #expect(await bench.nextPass() == 2)
    }
    let error = bench.log.records.first { $0.level == .error }?.metadata["error"]?.description
    #expect(error == "the pass took longer than 10.0 seconds and was cancelled")
  }

  @Test func stopLetsARunningPassEnd() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let bench = Bench { _ in
      for await _ in gate { break }
      #expect(!Task.isCancelled)
      return .done
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      bench.controller.stop()
      bench.controller.queue.add(bench.key)
      await bench.clock.waitForSleepers()
      open.yield()
    }
    #expect(bench.log.records.map(\.message) == ["Reconciled"])
  }

  @Test func stopCancelsAPassThatDoesNotEndInTime() async throws {
    let bench = Bench(stopGrace: .seconds(5)) { _ in
      try await untilCancelled()
      return .done
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      bench.controller.stop()
      await bench.clock.waitForSleepers()
      bench.clock.advance(by: .seconds(5))
    }
    #expect(bench.log.records.map(\.message) == ["Reconciliation cancelled by the stop"])
  }

  @Test func cancelEndsARunningPassAtOnce() async throws {
    let bench = Bench(stopGrace: .seconds(3600)) { _ in
      try await untilCancelled()
      return .done
    }
    try await bench.run {
      bench.controller.queue.add(bench.key)
      #expect(await bench.nextPass() == 1)
      bench.controller.cancel()
    }
    #expect(bench.log.records.map(\.message) == ["Reconciliation cancelled by the stop"])
  }

  @Test func cancellationOfTheRunningTaskIsAGracefulStop() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let bench = Bench { _ in
      for await _ in gate { break }
      return Task.isCancelled ? .terminal(Broken()) : .done
    }
    let running = Task { await bench.controller.run() }
    bench.controller.queue.add(bench.key)
    #expect(await bench.nextPass() == 1)
    running.cancel()
    await bench.clock.waitForSleepers()
    open.yield()
    await running.value
    #expect(bench.log.records.map(\.message) == ["Reconciled"])
    #expect(await bench.controller.queue.next() == nil)
  }

  @Test func cancelledWaiterGivesUpItsPlace() async {
    let queue = WorkQueue<String>(name: "test", clock: ManualClock())
    let waiter = Task { await queue.next() }
    waiter.cancel()
    #expect(await waiter.value == nil)
    queue.add("a")
    #expect(await queue.next()?.key == "a")
  }

  /// Many writers, many workers: no key is worked on twice at a time, and every key is seen after its last change.
  @Test func noKeyIsLostOrHeldByTwoWorkers() async throws {
    let world = World()
    let (progress, report) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let configuration = ControllerConfiguration(
      name: "crowd", workers: 8, backoff: Backoff(base: .microseconds(10), maximum: .microseconds(100)))
    let controller = Controller<NamespacedName>(configuration, logger: LogRecorder().logger) { key in
      let number = Int(key.name) ?? 0
      let desired = world.state.withLock { world in
        if !world.held.insert(number).inserted { world.collisions += 1 }
        return world.desired[number]
      }
      await Task.yield()
      if Int.random(in: 0..<20) == 0 {
        _ = world.state.withLock { $0.held.remove(number) }
        throw Broken()
      }
      world.state.withLock { world in
        world.seen[number] = desired
        world.held.remove(number)
      }
      report.yield()
      return .done
    }
    async let running: Void = controller.run()
    await withDiscardingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          for change in 0..<5000 {
            let number = Int.random(in: 0..<40)
            world.state.withLock { $0.desired[number] += 1 }
            controller.queue.add(
              NamespacedName(namespace: nil, name: String(number)), priority: change % 2 == 0 ? .low : .high)
            if change % 50 == 0 { await Task.yield() }
          }
        }
      }
    }
    for await _ in progress where world.state.withLock({ $0.seen == $0.desired }) { break }
    controller.stop()
    await running
    #expect(world.state.withLock { $0.collisions } == 0)
  }
}
