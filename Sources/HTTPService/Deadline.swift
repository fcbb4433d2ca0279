import ResourceModel
public import Timing

/// Runs `operation` for at most `duration`, then cancels it. What cannot be cancelled any more, such as a write that is
/// being committed, is waited for, and its outcome is the answer: no failure is reported that was none.
/// - Throws: what `operation` throws, or `timeout`.
public func withDeadline<Value: Sendable>(
  _ duration: Duration, by wheel: DeadlineWheel = .shared, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let task = Task { () async throws -> Result<Value, StatusError> in
    do { return .success(try await operation()) } catch let error as StatusError { return .failure(error) }
  }
  let isOver = AtomicFlag(false)
  let ticket = wheel.schedule(after: duration) {
    isOver.set()
    task.cancel()
  }
  defer { wheel.cancel(ticket) }
  let outcome: Result<Value, StatusError>
  do {
    outcome = try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  } catch {
    // Most likely it ended with an error for having been cancelled.
    guard isOver.clear() else { throw error }
    throw StatusError(.timeout, "the server did not finish the request within \(duration)", retryAfterSeconds: 1)
  }
  return try outcome.get()
}
