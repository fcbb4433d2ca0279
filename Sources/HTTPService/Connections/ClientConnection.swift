public import NIOCore
import ResourceModel

/// What `ConnectionHandler` is told by whoever answers a request.
enum ConnectionSignal: Sendable {
  /// The client sent a valid token.
  case authenticated
  /// The body of the present request may take so long in all, as long as it moves.
  case expectsLongBody(Duration)
  /// An operation began that is of no use once the client has left.
  case began(cancel: @Sendable () -> Void)
  case ended
  /// There is no room for it: its first request is answered with 429, and when to come again, and it ends.
  case refused(retryAfterSeconds: Int)
  /// To be called once all that was written has left, or never will.
  case whenSent(@Sendable () -> Void)
}

/// The connection by which a request came.
public struct ClientConnection: Sendable {
  let channel: any Channel

  public init(channel: any Channel) { self.channel = channel }

  /// Its client may keep it for longer from now on.
  public func noteAuthenticated() { channel.triggerUserOutboundEvent(ConnectionSignal.authenticated, promise: nil) }

  /// The body of the present request may take longer than others (`ConnectionLimits.bodyTimeout`), as an upload does that
  /// was found to be allowed: up to `timeout` in all, with no pause of `bodyTimeout`.
  public func expectLongBody(within timeout: Duration) {
    channel.triggerUserOutboundEvent(ConnectionSignal.expectsLongBody(timeout), promise: nil)
  }

  /// Calls `action` once the answers that were written so far have left, or the connection is gone. Who writes an answer is
  /// through with it earlier: what the client does not read yet lies in memory.
  public func whenSent(_ action: @escaping @Sendable () -> Void) {
    let taken = channel.eventLoop.makePromise(of: Void.self)
    taken.futureResult.whenFailure { _ in action() }
    channel.triggerUserOutboundEvent(ConnectionSignal.whenSent(action), promise: taken)
  }

  /// Runs `operation` and cancels it when the client closes the connection, or its side of it, as servers of Kubernetes do.
  /// One operation at a time.
  public func whileClientStays<Value: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let channel = channel
    let task = Task { try await operation() }
    let began = channel.eventLoop.makePromise(of: Void.self)
    // Nobody takes the signal where the connection is gone.
    began.futureResult.whenFailure { _ in if !channel.isActive { task.cancel() } }
    channel.triggerUserOutboundEvent(ConnectionSignal.began { task.cancel() }, promise: began)
    defer { channel.triggerUserOutboundEvent(ConnectionSignal.ended, promise: nil) }
    do {
      return try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    } catch is CancellationError where !Task.isCancelled {
      throw StatusError(.serviceUnavailable, "the client closed its side of the connection before the answer was ready")
    }
  }
}
