import Reconciliation
import Testing

struct BackoffTests {
  @Test(arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (1_000_000, 10), (Int.max, 10), (0, 1), (-5, 1)])
  func delayDoublesUpToTheCap(failures: Int, seconds: Int) {
    let backoff = Backoff(base: .seconds(1), maximum: .seconds(10), factor: 2, jitter: 0)
    #expect(backoff.delay(failures: failures, random: 0.5) == .seconds(seconds))
  }

  @Test(arguments: [(0.0, 6), (0.5, 8), (1.0, 10), (-1.0, 6), (9.0, 10)])
  func jitterOnlyShortensTheDelay(random: Double, seconds: Int) {
    let backoff = Backoff(base: .seconds(10), maximum: .seconds(10), jitter: 0.4)
    #expect(backoff.delay(failures: 3, random: random) == .seconds(seconds))
  }

  @Test func senselessSettingsAreBroughtIntoRange() {
    let backoff = Backoff(base: .seconds(-1), maximum: .seconds(-5), factor: 0.5, jitter: 7)
    #expect(backoff == Backoff(base: .zero, maximum: .zero, factor: 1, jitter: 1))
  }
}
