/// Runs `operation` and cancels it once `duration` has passed. What cannot be cancelled any more, such as a write that is
/// being committed, is waited for and counts: nobody learns of a failure that was none.
///
/// A cancellation of the caller is passed on to `operation`, and its outcome is the caller's.
/// - Returns: what `operation` returns, however late; nil where its time was over and it ended with an error, most likely
///   for having been cancelled.
/// - Throws: what `operation` throws before its time is over.
public func withTimeout<Value: Sendable>(
  _ duration: Duration, clock: any Clock<Duration> = ContinuousClock(),
  _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
  try await withThrowingTaskGroup(of: Ending<Value>.self) { group in
    group.addTask {
      do { return .ofOperation(.success(try await operation())) } catch { return .ofOperation(.failure(error)) }
    }
    group.addTask {
      do { try await clock.sleep(for: duration) } catch { return .ofSleep }
      return .ofTime
    }
    defer { group.cancelAll() }
    var isTimeOver = false
    while let ending = try await group.next() {
      switch ending {
      case .ofOperation(.success(let value)): return value
      case .ofOperation(.failure(let error)):
        if isTimeOver { return nil }
        throw error
      case .ofTime:
        isTimeOver = true
        group.cancelAll()
      case .ofSleep: break
      }
    }
    return nil
  }
}

private enum Ending<Value: Sendable>: Sendable {
  case ofOperation(Result<Value, any Error>)
  case ofTime
  /// The caller was cancelled.
  case ofSleep
}
