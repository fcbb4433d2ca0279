import Synchronization
import Testing
import Timing

@Suite(.timeLimit(.minutes(1))) struct DeadlineWheelTests {
  private let clock = ContinuousClock()

  @Test func whatIsLateIsCalledOnceAndNotEarly() async throws {
    let wheel = DeadlineWheel(clock: clock, tick: .milliseconds(5))
    let begin = clock.now
    let (called, announce) = AsyncStream<(Int, Duration)>.makeStream()
    for number in [3, 1, 2] {
      _ = wheel.schedule(after: .milliseconds(20 * number)) { [clock] in
        announce.yield((number, begin.duration(to: clock.now)))
      }
    }
    #expect(wheel.count == 3)
    var order: [Int] = []
    for await (number, elapsed) in called {
      #expect(elapsed >= .milliseconds(20 * number))
      order.append(number)
      if order.count == 3 { break }
    }
    #expect(order == [1, 2, 3])
    #expect(wheel.count == 0)
  }

  @Test func whatWasCalledOffIsNotCalledAndKeepsNothing() async throws {
    let wheel = DeadlineWheel(clock: clock, tick: .milliseconds(5))
    let count = Mutex(0)
    for _ in 0..<1000 {
      let ticket = wheel.schedule(after: .milliseconds(20)) { count.withLock { $0 += 1 } }
      wheel.cancel(ticket)
      wheel.cancel(ticket)
    }
    #expect(wheel.count == 0)
    // It turns again for what comes later.
    for _ in 0..<2 {
      await withCheckedContinuation { continuation in
        _ = wheel.schedule(after: .milliseconds(30)) { continuation.resume() }
      }
    }
    #expect(count.withLock { $0 } == 0)
  }
}
