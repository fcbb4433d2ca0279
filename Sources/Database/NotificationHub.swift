import Synchronization

/// The listeners of this process, by channel.
final class NotificationHub: Sendable {
  private struct State {
    var listeners: [String: [Int: AsyncStream<String>.Continuation]] = [:]
    var nextID = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  /// A listener keeps the newest 256 payloads: one that is slower misses old ones, but never that there was one.
  func listen(_ channel: String) -> (stream: AsyncStream<String>, continuation: AsyncStream<String>.Continuation) {
    let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(256))
    let id: Int? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.nextID += 1
      state.listeners[channel, default: [:]][state.nextID] = continuation
      return state.nextID
    }
    guard let id else {
      continuation.finish()
      return (stream, continuation)
    }
    continuation.onTermination = { [weak self] _ in self?.remove(id, channel) }
    return (stream, continuation)
  }

  func deliver(_ notification: DatabaseNotification) {
    let listeners = state.withLock { $0.listeners[notification.channel].map { Array($0.values) } ?? [] }
    for listener in listeners { listener.yield(notification.payload) }
  }

  /// Tells every listener that it may have missed something.
  func deliverToAll() {
    for channel in state.withLock({ Array($0.listeners.keys) }) {
      deliver(DatabaseNotification(channel: channel, payload: ""))
    }
  }

  func close() {
    let listeners = state.withLock { state in
      defer { state.listeners = [:] }
      state.isClosed = true
      return state.listeners.values.flatMap(\.values)
    }
    for listener in listeners { listener.finish() }
  }

  private func remove(_ id: Int, _ channel: String) {
    state.withLock { state in
      state.listeners[channel]?[id] = nil
      if state.listeners[channel]?.isEmpty == true { state.listeners[channel] = nil }
    }
  }
}
