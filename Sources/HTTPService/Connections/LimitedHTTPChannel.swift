import Access
import Glibc
public import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import Timing

extension HTTPServerBuilder {
  /// HTTP/1 whose connections keep to `limits`.
  /// - Parameter credentials: nil for HTTP without TLS.
  public static func limited(_ limits: ConnectionLimits, credentials: TLSCredentials? = nil) -> HTTPServerBuilder {
    let count = ConnectionCount(limits)
    return HTTPServerBuilder { responder in
      LimitedHTTPChannel(
        http: HTTP1Channel(responder: responder), limits: limits, count: count, credentials: credentials)
    }
  }
}

/// Hummingbird's HTTP/1 with a `ConnectionHandler` in each connection, and a bound on their number.
struct LimitedHTTPChannel: ServerChildChannel {
  let http: HTTP1Channel
  let limits: ConnectionLimits
  let count: ConnectionCount
  let credentials: TLSCredentials?
  private let refusals = RefusalLog()

  init(http: HTTP1Channel, limits: ConnectionLimits, count: ConnectionCount, credentials: TLSCredentials?) {
    self.http = http
    self.limits = limits
    self.count = count
    self.credentials = credentials
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    let limits = limits
    Self.noticeLostPeer(channel)
    if let credentials {
      do {
        // Before everything else, so that the limits of time hold for a handshake that does not end, too.
        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: credentials.context))
      } catch {
        return channel.eventLoop.makeFailedFuture(error)
      }
    }
    return http.setup(channel: channel, logger: logger).flatMapThrowing { value in
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      try pipeline.addHandler(
        ConnectionHandler(limits: limits, now: channel.eventLoop.now), position: .after(decoder))
      return value
    }
  }

  /// A client that is gone without a word, as behind a pulled cable, is noticed within about a minute, so that it keeps
  /// neither its connection nor its watch.
  private static func noticeLostPeer(_ channel: any Channel) {
    guard let options = channel.syncOptions else { return }
    try? options.setOption(.socketOption(.so_keepalive), value: 1)
    // What the kernel keeps for a client that does not read is bounded, too.
    try? options.setOption(.socketOption(.so_sndbuf), value: 256 << 10)
    for (name, value) in [(TCP_KEEPIDLE, 30), (TCP_KEEPINTVL, 10), (TCP_KEEPCNT, 3), (TCP_USER_TIMEOUT, 60_000)]
      as [(CInt, Int)]
    {
      try? options.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: name)), value: value)
    }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    let address = value.channel.remoteAddress?.ipAddress
    let key = PeerAddress.limitKey(address)
    do {
      try count.enter(key, isProxy: address.map(limits.proxies.isTrusted) ?? false)
    } catch {
      refusals.record(error, address ?? key, logger)
      if case .total = error, count.enterRefusal() {
        let seconds = Int.random(in: 1...max(1, limits.longestRetry))
        value.channel.triggerUserOutboundEvent(ConnectionSignal.refused(retryAfterSeconds: seconds), promise: nil)
        // Ended by the handler, as is whoever says nothing.
        await Self.ignore(value)
        count.leaveRefusal()
      } else {
        value.channel.close(mode: .all, promise: nil)
        await Self.ignore(value)
      }
      return
    }
    await http.handle(value: value, logger: logger)
    count.leave(key)
  }
}

extension LimitedHTTPChannel {
  /// Carries out nothing of what came, until the connection has ended.
  private static func ignore(_ value: HTTP1Channel.Value) async {
    try? await value.executeThenClose { inbound, _ in
      for try await _ in inbound {}
      try await value.channel.closeFuture.get()
    }
  }
}

/// Says once a minute that connections are refused, so that those who do it cannot fill the log.
private final class RefusalLog: Sendable {
  private let start = ContinuousClock.now
  private let bucket = Mutex(TokenBucket(rate: 1.0 / 60, burst: 1, now: .zero))

  func record(_ refusal: ConnectionCount.Refusal, _ address: String, _ logger: Logger) {
    let elapsed = ContinuousClock.now - start
    guard bucket.withLock({ $0.take(now: elapsed) }) == nil else { return }
    logger.warning(
      "Refused a connection; further ones are not reported for a minute",
      metadata: ["address": "\(address)", "reason": "\(refusal)"])
  }
}
