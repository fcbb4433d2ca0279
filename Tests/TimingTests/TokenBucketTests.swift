import Testing
import Timing

struct TokenBucketTests {
  struct Take: Sendable, CustomTestStringConvertible {
    /// Milliseconds since the bucket was made.
    var at: Int
    /// Milliseconds until there is a token; nil where there was one.
    var wait: Int?
    var testDescription: String { "\(at) ms: \(wait.map { "wait \($0) ms" } ?? "taken")" }
  }

  /// Two tokens a second, three at most; the takes of a row follow each other.
  @Test(arguments: [
    [Take(at: 0), .init(at: 0), .init(at: 0), .init(at: 0, wait: 500)],
    [Take(at: 0), .init(at: 0), .init(at: 0), .init(at: 250, wait: 250), .init(at: 500), .init(at: 500, wait: 500)],
    // No more than three are kept, however long nothing was taken.
    [Take(at: 60_000), .init(at: 60_000), .init(at: 60_000), .init(at: 60_000, wait: 500)],
    // A clock that goes back gives nothing.
    [Take(at: 1_000), .init(at: 0), .init(at: 0), .init(at: 0, wait: 500), .init(at: 1_000, wait: 500)],
  ])
  func tokensFlowInSteadilyUpToTheBurst(_ takes: [Take]) {
    var bucket = TokenBucket(rate: 2, burst: 3, now: .zero)
    for take in takes {
      #expect(bucket.take(now: .milliseconds(take.at)) == take.wait.map { .milliseconds($0) })
    }
  }

  @Test func aWaitIsAtMostADay() {
    var bucket = TokenBucket(rate: 1e-12, burst: 0, now: .zero)
    #expect(bucket.take(now: .zero) == .seconds(86_400))
  }

  @Test func aBucketIsFullAgainAfterTheTimeItsTokensTake() {
    var bucket = TokenBucket(rate: 2, burst: 3, now: .zero)
    #expect(bucket.isFull(now: .zero))
    _ = bucket.take(now: .zero)
    #expect(!bucket.isFull(now: .milliseconds(499)))
    #expect(bucket.isFull(now: .milliseconds(500)))
  }
}
