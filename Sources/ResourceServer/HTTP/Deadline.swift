import ResourceModel

/// Runs `operation` for at most `duration`, then cancels it.
/// - Throws: what `operation` throws, or `timeout`.
func withDeadline<Value: Sendable>(
  _ duration: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      try await Task.sleep(for: duration)
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let value = first else {
      throw StatusError(.timeout, "the server did not finish the request within \(duration)", retryAfterSeconds: 1)
    }
    return value
  }
}
