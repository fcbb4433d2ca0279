import Synchronization
import Testing

@testable import Access
@testable import HTTPService
@testable import ResourceServer

@Suite struct AccessLimitTests {
  @Test func callersBeyondTheLimitShareOneBucket() {
    let clock = Mutex(Duration.zero)
    let limiter = RateLimiter(rate: 1, burst: 2, now: { clock.withLock { $0 } })
    for number in 0..<(RateLimiter.standardMaximumCallers + 2) { #expect(limiter.take(for: "\(number)") == nil) }
    #expect(limiter.take(for: "one more") != nil)
    #expect(limiter.callerCount == RateLimiter.standardMaximumCallers)
    // Who has a bucket keeps it; who has not is let in when others have been quiet.
    #expect(limiter.take(for: "0") == nil)
    clock.withLock { $0 = .seconds(10) }
    #expect(limiter.take(for: "one more") == nil)
    #expect(limiter.callerCount == 1)
  }

  @Test func readinessIsCheckedOncePerSecond() async {
    let checks = Mutex(0)
    let clock = Mutex(ContinuousClock.now)
    let readiness = Readiness(
      now: { clock.withLock { $0 } },
      check: {
        checks.withLock { checks in
          checks += 1
          return checks > 1
        }
      })
    for _ in 0..<3 { #expect(await !readiness.isReady()) }
    #expect(checks.withLock { $0 } == 1)
    clock.withLock { $0 += .seconds(1) }
    for _ in 0..<3 { #expect(await readiness.isReady()) }
    #expect(checks.withLock { $0 } == 2)
  }

  @Test func allWhoAskAtOnceWaitForOneCheck() async {
    let checks = Mutex(0)
    let (gate, open) = AsyncStream<Void>.makeStream()
    let readiness = Readiness {
      checks.withLock { $0 += 1 }
      for await _ in gate { break }
      return true
    }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<20 { group.addTask { await readiness.isReady() } }
      open.yield()
      for await isReady in group { #expect(isReady) }
    }
    #expect(checks.withLock { $0 } == 1)
  }
}
