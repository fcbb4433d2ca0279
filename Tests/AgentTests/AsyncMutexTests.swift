import Testing

@testable import Agent

@Suite struct AsyncMutexTests {
  @Test func whoIsCancelledWhileItWaitsLeavesTheQueueAtOnce() async {
    let mutex = AsyncMutex()
    let (released, release) = AsyncStream<Void>.makeStream()
    let (entered, enter) = AsyncStream<Void>.makeStream()
    async let holder: Bool? = mutex.withLock {
      enter.finish()
      for await _ in released {}
      return true
    }
    for await _ in entered {}
    let waiter = Task { await mutex.withLock { true } }
    waiter.cancel()
    // The lock is still held.
    #expect(await waiter.value == nil)
    release.finish()
    #expect(await holder == true)
    #expect(await mutex.withLock { true } == true)
  }

  @Test func callersTakeTurnsAndNeverMeet() async {
    let mutex = AsyncMutex()
    let log = Log()
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<50 {
        group.addTask {
          await mutex.withLock {
            await log.append(number)
            await Task.yield()
            await log.append(number)
          }
        }
      }
    }
    let seen = await log.numbers
    #expect(seen.count == 100)
    #expect(stride(from: 0, to: 100, by: 2).allSatisfy { seen[$0] == seen[$0 + 1] })
  }

  private actor Log {
    private(set) var numbers: [Int] = []
    func append(_ number: Int) { numbers.append(number) }
  }
}
