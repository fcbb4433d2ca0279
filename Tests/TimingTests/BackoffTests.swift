import Testing
import Timing

struct BackoffTests {
  @Test(arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (60, 10), (100_000, 10), (0, 1), (-3, 1)])
  func delaysDoubleUpToTheMaximum(failures: Int, seconds: Int) {
    let backoff = Backoff(base: .seconds(1), maximum: .seconds(10), factor: 2, jitter: 0)
    #expect(backoff.delay(failures: failures, random: 0.5) == .seconds(seconds))
  }

  @Test(arguments: [(0.0, 6), (0.5, 8), (1.0, 10), (7.0, 10), (-2.0, 6)])
  func jitterOnlyShortensTheDelay(random: Double, seconds: Int) {
    let backoff = Backoff(base: .seconds(10), maximum: .seconds(10), jitter: 0.4)
    #expect(backoff.delay(failures: 3, random: random) == .seconds(seconds))
  }

  @Test(arguments: [(1, 200), (2, 400), (3, 800), (4, 1600), (5, 3200), (6, 5000)])
  func delaysAreExact(failures: Int, milliseconds: Int) {
    let backoff = Backoff(base: .milliseconds(200), maximum: .seconds(5), jitter: 0.5)
    #expect(backoff.delay(failures: failures, random: 1) == .milliseconds(milliseconds))
  }

  @Test(arguments: [(0, 10), (9, 10), (10, 10), (20, 20), (40, 40), (280, 280), (9_999, 300), (-5, 10)])
  func whatHasBeenFailingForLongWaitsAsLongAgain(span: Int, seconds: Int) {
    let backoff = Backoff(base: .seconds(10), maximum: .seconds(300), jitter: 0)
    #expect(backoff.delay(failingFor: .seconds(span), random: 0) == .seconds(seconds))
  }

  @Test(arguments: [(0.0, 20), (0.5, 30), (1.0, 40)])
  func jitterLeavesAtLeastAsLongAgain(random: Double, seconds: Int) {
    let backoff = Backoff(base: .seconds(10), maximum: .seconds(300), jitter: 0.5)
    #expect(backoff.delay(failingFor: .seconds(20), random: random) == .seconds(seconds))
  }

  @Test func argumentsThatMakeNoSenseAreMended() {
    let backoff = Backoff(base: .seconds(-1), maximum: .seconds(-5), factor: 2, jitter: 3)
    #expect(backoff == Backoff(base: .zero, maximum: .zero, factor: 2, jitter: 1))
    #expect(backoff.delay(failures: 100_000, random: 0.5) == .zero)
    #expect(backoff.delay(failingFor: .zero, random: 0.5) == .zero)
    #expect(Backoff(factor: 0.5, jitter: -1) == Backoff(factor: 1, jitter: 0))
    #expect(Backoff(base: .seconds(9), maximum: .seconds(1)).maximum == .seconds(9))
  }

  @Test func randomFractionsLieBetweenZeroAndOne() {
    for _ in 0..<1000 { #expect((0..<1).contains(randomFraction())) }
  }
}
