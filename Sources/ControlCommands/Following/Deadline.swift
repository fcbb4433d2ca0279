/// Runs `body` for at most `duration`.
/// - Returns: nil where the time ran out; `body` was cancelled then.
func withDeadline<Answer: Sendable>(
  _ duration: Duration, _ body: @escaping @Sendable () async throws -> Answer
) async throws -> Answer? {
  try await withThrowingTaskGroup(of: Answer?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: duration)
      return nil
    }
    defer { group.cancelAll() }
    return try await group.next() ?? nil
  }
}
