import ResourceModel
import Timing

/// Runs `operation` for at most `duration`, then cancels it. What cannot be cancelled any more, such as a write that is
/// being committed, is waited for, and its outcome is the answer: no failure is reported that was none.
/// - Throws: what `operation` throws, or `timeout`.
public func withDeadline<Value: Sendable>(
  _ duration: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let outcome = try await withTimeout(duration) { () async throws -> Result<Value, StatusError> in
    do { return .success(try await operation()) } catch let error as StatusError { return .failure(error) }
  }
  guard let outcome else {
    throw StatusError(.timeout, "the server did not finish the request within \(duration)", retryAfterSeconds: 1)
  }
  return try outcome.get()
}
