import Synchronization

/// Waits for a ring or for a time, whichever comes first. A ring that came while nobody waited counts once.
final class Doorbell: Sendable {
  private enum State {
    case quiet
    case rung
    case waiting(CheckedContinuation<Void, Never>)
  }

  private let state = Mutex(State.quiet)
  private let listener: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(rings: AsyncStream<Void>) {
    let task = Task { [weak self] in
      for await _ in rings { self?.ring() }
    }
    listener.withLock { $0 = task }
  }

  deinit { listener.withLock { $0?.cancel() } }

  /// - Returns: false where the task was cancelled meanwhile.
  func wait(atMost limit: Duration, clock: any Clock<Duration>) async -> Bool {
    let alarm = Task {
      if (try? await clock.sleep(for: limit)) != nil { ring() }
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if case .rung = state { return true }
          state = .waiting(continuation)
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      ring()
    }
    alarm.cancel()
    state.withLock { $0 = .quiet }
    return !Task.isCancelled
  }

  private func ring() {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      defer { state = .rung }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    waiter?.resume()
  }
}
