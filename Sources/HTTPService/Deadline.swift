import ResourceModel

/// Runs `operation` for at most `duration`, then cancels it. What cannot be cancelled any more, such as a write that is
/// being committed, is waited for, and its outcome is the answer: no failure is reported that was none.
/// - Throws: what `operation` throws, or `timeout`.
public func withDeadline<Value: Sendable>(
  _ duration: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      try await Task.sleep(for: duration)
      return nil
    }
    defer { group.cancelAll() }
    if let first = try await group.next(), let value = first { return value }
    group.cancelAll()
    do {
      if let last = try await group.next(), let value = last { return value }
    } catch let error as StatusError {
      throw error
    } catch {
      // It ended because it was cancelled, or could not know better.
    }
    throw StatusError(.timeout, "the server did not finish the request within \(duration)", retryAfterSeconds: 1)
  }
}
