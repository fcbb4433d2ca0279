import ResourceClient
import Timing

/// A time in which the server cannot be reached while something is followed: said once, then waited out.
struct Outage {
  private static let backoff = Backoff(base: .seconds(1), maximum: .seconds(10), jitter: 0)

  private(set) var failures = 0

  /// Waits before the next try, or gives up what cannot get better.
  /// - Throws: the failure, where it is the first request's or nothing that passes; `CancellationError`.
  mutating func wait(_ error: ResourceClientError, isFirstRequest: Bool, session: Session) async throws {
    if error.isCancellation { throw CancellationError() }
    if error.isExpired { return }
    guard error.isTransient, !isFirstRequest else { throw ClientFailureText.failure(error, server: session.server) }
    if failures == 0 { session.console.note("connection lost, trying again: \(printable(error.description))") }
    failures += 1
    try await Task.sleep(for: Self.backoff.delay(failures: failures, random: 0))
  }

  mutating func end() { failures = 0 }
}
