import Synchronization
import TestSupport
import Testing

@testable import Database

@Suite struct ConnectionPoolTests {
  /// Waits until `count` callers stand in the pool's queue.
  private func waiters(_ count: Int, in pool: ConnectionPool) async {
    while pool.waiterCount != count { await Task.yield() }
  }

  private func pool(size: Int, clock: any Clock<Duration> = ContinuousClock()) -> ConnectionPool {
    ConnectionPool(name: "test", size: size, waitLimit: .seconds(30), clock: clock) { () throws(DatabaseError) in
      try SQLiteSession(path: nil, busyTimeout: .zero)
    }
  }

  /// Borrows a connection; `release` gives it back.
  private func hold(
    _ pool: ConnectionPool
  ) async -> (release: AsyncStream<Void>.Continuation, task: Task<Void, any Error>) {
    let (released, release) = AsyncStream.makeStream(of: Void.self)
    let (held, announce) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      try await pool.withConnection { _ in
        announce.yield()
        for await _ in released { break }
      }
    }
    for await _ in held { break }
    return (release, task)
  }

  @Test func waitersAreServedInTheOrderOfTheirComing() async throws {
    let pool = pool(size: 1)
    let holder = await hold(pool)
    let order = Recorder()
    var tasks: [Task<Void, any Error>] = []
    for number in 1...5 {
      tasks.append(Task { try await pool.withConnection { _ in order.append(number) } })
      await waiters(number, in: pool)
    }
    holder.release.yield()
    for task in tasks { try await task.value }
    #expect(order.numbers == [1, 2, 3, 4, 5])
    await pool.close()
  }

  @Test func aCancelledWaiterLeavesTheQueueAndOthersAreServed() async throws {
    let pool = pool(size: 1)
    let holder = await hold(pool)
    let cancelled = Task { try await pool.withConnection { _ in } }
    await waiters(1, in: pool)
    let patient = Task { try await pool.withConnection { _ in } }
    await waiters(2, in: pool)
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    #expect(pool.waiterCount == 1)
    holder.release.yield()
    try await patient.value
    await pool.close()
  }

  @Test func aCallerCancelledBeforehandIsTurnedAwayFromAFullPool() async throws {
    let pool = pool(size: 1)
    let holder = await hold(pool)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      for await _ in gate {}
      try await pool.withConnection { _ in }
    }
    task.cancel()
    open.finish()
    await #expect(throws: CancellationError.self) { try await task.value }
    holder.release.yield()
    try await holder.task.value
    await pool.close()
  }

  @Test func aWaiterIsTurnedAwayAfterTheLimit() async throws {
    let clock = ManualClock()
    let pool = pool(size: 1, clock: clock)
    let holder = await hold(pool)
    let waiter = Task { try await pool.withConnection { _ in } }
    await waiters(1, in: pool)
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(30))
    let error = await #expect(throws: DatabaseError.self) { try await waiter.value }
    #expect(error?.code == .timedOut)
    holder.release.yield()
    try await holder.task.value
    await pool.close()
  }

  @Test func closingWaitsForConnectionsInUseAndTurnsWaitersAway() async throws {
    let pool = pool(size: 1)
    let holder = await hold(pool)
    let waiter = Task { try await pool.withConnection { _ in } }
    await waiters(1, in: pool)
    async let closed: Void = pool.close()
    let error = await #expect(throws: DatabaseError.self) { try await waiter.value }
    #expect(error?.code == .connectionLost)
    holder.release.yield()
    try await holder.task.value
    await closed
  }

  @Test(arguments: [(1, 0.0, 2), (1, 1.0, 1), (3, 0.0, 8), (20, 0.0, 250), (20, 1.0, 125)])
  func pausesDoubleUpToALimit(_ attempt: Int, _ jitter: Double, _ milliseconds: Int) {
    #expect(TransactionRunner.pause(afterAttempt: attempt, jitter: jitter) == .milliseconds(milliseconds))
  }

  @Test func theLeastRecentlyUsedStatementGoesFirst() {
    var cache = StatementCache<String, Int>(capacity: 2)
    #expect(cache.insert(1, for: "a") == nil)
    #expect(cache.insert(2, for: "b") == nil)
    #expect(cache.find("a") == 1)
    #expect(cache.insert(3, for: "c") == 2)
    #expect(cache.find("b") == nil)
    #expect(cache.find("a") == 1)
  }
}

private final class Recorder: Sendable {
  private let state = Mutex<[Int]>([])
  var numbers: [Int] { state.withLock { $0 } }
  func append(_ number: Int) { state.withLock { $0.append(number) } }
}
