import NIOCore
import NIOHTTP1

/// Keeps one connection within its limits, whoever is at its other end: a client that opens it and says nothing, sends a
/// body without end, or does not read what it asked for. Lies between the HTTP decoder and the program.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: ConnectionLimits
  private var state: ConnectionState
  private var isReading = true
  /// The last answer is on its way; nothing more is written after it.
  private var isEnding = false
  private var timer: (scheduled: Scheduled<Void>, at: NIODeadline)?
  private var writeTimer: Scheduled<Void>?
  /// True where nothing more comes from the client.
  private var hasLeft = false
  /// Ends when the last answer that was written has left; nil where none was.
  private var lastAnswer: EventLoopFuture<Void>?
  /// When a connection that there is no room for is to come again; nil for all others.
  private var refusedForSeconds: Int?
  /// Cancels what is of no use once the client has left.
  private var cancel: (@Sendable () -> Void)?

  init(limits: ConnectionLimits, now: NIODeadline) {
    self.limits = limits
    state = ConnectionState(limits: limits, now: now)
  }

  func handlerAdded(context: ChannelHandlerContext) { updateTimer(context) }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.scheduled.cancel()
    writeTimer?.cancel()
  }

  // MARK: Inbound

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isEnding {
      let byteCount =
        switch part {
        case .body(let buffer): buffer.readableBytes
        case .head, .end: 1024
        }
      if !state.threwAway(byteCount) { isReading = false }
      return
    }
    let now = context.eventLoop.now
    switch part {
    case .head(let head):
      state.receivedHead(isKeepAlive: head.isKeepAlive, now: now)
      if let refusedForSeconds { return refuse(for: refusedForSeconds, context) }
      askForBody(head, context)
    case .body: state.receivedBody(now: now)
    case .end: state.receivedEnd(now: now)
    }
    context.fireChannelRead(data)
  }

  private func refuse(for seconds: Int, _ context: ChannelHandlerContext) {
    let body = ByteBuffer(string: #"{"error":"Too many connections: come again in \#(seconds) s"}"# + "\n")
    let headers: HTTPHeaders = [
      "Content-Type": "application/json", "Content-Length": String(body.readableBytes), "Retry-After": String(seconds),
      "Connection": "close",
    ]
    let head = HTTPResponseHead(version: .http1_1, status: .tooManyRequests, headers: headers)
    for part in [HTTPServerResponsePart.head(head), .body(.byteBuffer(body)), .end(nil)] {
      write(context: context, data: wrapOutboundOut(part), promise: nil)
    }
  }

  /// Answers `Expect: 100-continue` at once (RFC 9110 §10.1.1): `curl` waits a second for it before it sends a larger
  /// body. Not in the midst of the answer to a request before.
  private func askForBody(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    guard head.version == .http1_1, state.unanswered == 1,
      head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" })
    else { return }
    let answer = HTTPResponseHead(version: .http1_1, status: .continue)
    context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    updateTimer(context)
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) { if isReading { context.read() } }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { clientLeft() }
    if isEnding {
      switch event {
      case is ChannelShouldQuiesceEvent: context.close(promise: nil)
      case let event as ChannelEvent where event == .inputClosed:
        if state.reading == .lingering { context.close(promise: nil) }
      default: break
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    clientLeft()
    context.fireChannelInactive()
  }

  private func clientLeft() {
    hasLeft = true
    cancel?()
    cancel = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What comes after the last answer is nobody's request.
    if isEnding { context.close(promise: nil) } else { context.fireErrorCaught(error) }
  }

  // MARK: Outbound

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !isEnding else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var head) where head.status.code >= 200:
      let saysClose = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
      // Who has no token keeps no connection either.
      let isLast = state.answerBegan(mustBeLast: saysClose || head.status == .unauthorized)
      if isLast, !saysClose {
        head.headers.replaceOrAdd(name: "connection", value: "close")
      }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      let isLast = state.answerEnded(now: context.eventLoop.now)
      let written = promise ?? context.eventLoop.makePromise(of: Void.self)
      lastAnswer = written.futureResult
      guard isLast else {
        context.write(data, promise: written)
        updateTimer(context)
        return
      }
      isEnding = true
      context.write(data, promise: written)
      watchWriting(context)
      endOutput(context, after: written.futureResult)
      context.flush()
    default: context.write(data, promise: promise)
    }
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard let signal = event as? ConnectionSignal else {
      context.triggerUserOutboundEvent(event, promise: promise)
      return
    }
    switch signal {
    case .authenticated: state.authenticated()
    case .expectsLongBody(let timeout): state.expectLongBody(within: timeout)
    case .began(let cancel): if hasLeft { cancel() } else { self.cancel = cancel }
    case .ended: cancel = nil
    case .refused(let seconds):
      refusedForSeconds = seconds
      if state.unanswered > 0 { refuse(for: seconds, context) }
    case .whenSent(let action):
      if let lastAnswer { lastAnswer.whenComplete { _ in action() } } else { action() }
    }
    promise?.succeed()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .output, !isEnding else {
      context.close(mode: mode, promise: promise)
      return
    }
    isEnding = true
    startLingering(context, promise)
  }

  private func endOutput(_ context: ChannelHandlerContext, after written: EventLoopFuture<Void>) {
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    written.whenComplete { result in
      let (handler, context) = bound.value
      guard case .success = result, context.channel.isActive else { return }
      handler.startLingering(context, nil)
    }
  }

  /// Tells the client that there is nothing more to read, and waits a little for it to close.
  private func startLingering(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    writeTimer?.cancel()
    state.linger(now: context.eventLoop.now)
    updateTimer(context)
    context.close(mode: .output, promise: promise)
  }

  // MARK: Time

  /// The timer is left alone where it fires too early: it then looks again.
  private func updateTimer(_ context: ChannelHandlerContext) {
    guard let deadline = state.deadline else { return }
    if let timer {
      if timer.at <= deadline { return }
      timer.scheduled.cancel()
    }
    let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.timer = nil
      guard let deadline = self.state.deadline else { return }
      if context.eventLoop.now >= deadline {
        context.close(promise: nil)
      } else {
        self.updateTimer(context)
      }
    }
    timer = (scheduled, deadline)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      if !isEnding {
        writeTimer?.cancel()
        writeTimer = nil
      }
    } else {
      watchWriting(context)
    }
    context.fireChannelWritabilityChanged()
  }

  /// Until writing is possible again, or the last answer has left, enough must leave in each span of `writeTimeout`.
  private func watchWriting(_ context: ChannelHandlerContext) {
    guard writeTimer == nil else { return }
    let before = Self.buffered(context)
    writeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.writeTimeout)) {
      self.writeTimer = nil
      if before - Self.buffered(context) < self.limits.minimumProgress {
        context.close(promise: nil)
      } else {
        self.watchWriting(context)
      }
    }
  }

  /// Bytes that were written and did not leave yet.
  private static func buffered(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
