import Synchronization

/// Waits for a wake-up or for a time, whichever comes first. Wake-ups that came while nobody waited count as one.
final class Doorbell: Sendable {
  private enum State {
    case idle
    case signalled
    case waiting(CheckedContinuation<Void, Never>)
  }

  private let state = Mutex(State.idle)
  private let listener: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(wakeups: AsyncStream<Void>) {
    let task = Task { [weak self] in
      for await _ in wakeups { self?.signal() }
    }
    listener.withLock { $0 = task }
  }

  deinit { listener.withLock { $0?.cancel() } }

  /// - Returns: false where the task was cancelled meanwhile.
  func wait(atMost limit: Duration, clock: any Clock<Duration>) async -> Bool {
    let alarm = Task {
      if (try? await clock.sleep(for: limit)) != nil { signal() }
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if case .signalled = state { return true }
          state = .waiting(continuation)
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      signal()
    }
    alarm.cancel()
    state.withLock { $0 = .idle }
    return !Task.isCancelled
  }

  private func signal() {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      defer { state = .signalled }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    waiter?.resume()
  }
}
