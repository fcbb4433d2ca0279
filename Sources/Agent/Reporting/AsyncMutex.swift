import Synchronization

/// Lets one task after the other do something, in the order they came.
final class AsyncMutex: Sendable {
  private struct Waiter {
    var id: Int
    /// Gets false where the wait was cancelled.
    var continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var isTaken = false
    var waiting: [Waiter] = []
    var nextID = 0
  }

  private let state = Mutex(State())

  /// Runs `body` once every earlier caller is done.
  /// - Returns: nil where the task was cancelled before its turn came.
  func withLock<Value: Sendable>(_ body: () async -> Value) async -> Value? {
    guard await lock() else { return nil }
    defer { unlock() }
    return await body()
  }

  private func lock() async -> Bool {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          if state.isTaken {
            state.waiting.append(Waiter(id: id, continuation: continuation))
            return nil
          }
          state.isTaken = true
          return true
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state -> Waiter? in
        guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiting.remove(at: index)
      }
      waiter?.continuation.resume(returning: false)
    }
  }

  private func unlock() {
    let next: Waiter? = state.withLock { state in
      if state.waiting.isEmpty {
        state.isTaken = false
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.continuation.resume(returning: true)
  }
}
