import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import HTTPService
@testable import ResourceServer

/// One connection under a clock that the test turns.
@Suite struct ConnectionHandlerTests {
  private static let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")

  private func connection() throws -> EmbeddedChannel {
    let channel = EmbeddedChannel()
    let handler = ConnectionHandler(limits: ConnectionLimits(), now: channel.embeddedEventLoop.now)
    try channel.pipeline.syncOperations.addHandlers([HalfClosing(), HTTPResponseEncoder(), handler])
    try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
    return channel
  }

  private func answer(_ channel: EmbeddedChannel, status: HTTPResponseStatus = .ok, headers: HTTPHeaders = [:]) throws {
    channel.write(HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)))
      .assumeIsolated().whenFailure { _ in }
    channel.write(HTTPServerResponsePart.end(nil)).assumeIsolated().whenFailure { _ in }
    channel.flush()
  }

  /// What was sent since the last call.
  private func sent(_ channel: EmbeddedChannel) throws -> String {
    var text = ""
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
    return text
  }

  @Test func aClientThatSaysNothingIsCutOffSoon() throws {
    let channel = try connection()
    channel.embeddedEventLoop.advanceTime(by: .seconds(9))
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test func aBodyMustEndInTimeHoweverItTrickles() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    for _ in 0..<11 {
      try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
      channel.embeddedEventLoop.advanceTime(by: .seconds(5))
      #expect(channel.isActive)
    }
    channel.embeddedEventLoop.advanceTime(by: .seconds(5))
    #expect(!channel.isActive)
  }

  @Test func aBodyThatIsExpectedToBeLongMustMoveAndEndInItsOwnTime() throws {
    for pause in [50, 61] as [Int64] {
      let channel = try connection()
      try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
      channel.triggerUserOutboundEvent(ConnectionSignal.expectsLongBody(.seconds(600)), promise: nil)
      for number in 0..<11 {
        try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        channel.embeddedEventLoop.advanceTime(by: .seconds(pause))
        #expect(channel.isActive == (pause < 60), "\(number)")
        guard channel.isActive else { break }
      }
      guard channel.isActive else { continue }
      try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
      channel.embeddedEventLoop.advanceTime(by: .seconds(50))
      #expect(!channel.isActive, "its time is over")
    }
    // The next body has the time of any other.
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    channel.triggerUserOutboundEvent(ConnectionSignal.expectsLongBody(.seconds(600)), promise: nil)
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    try answer(channel)
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    channel.embeddedEventLoop.advanceTime(by: .seconds(60))
    #expect(!channel.isActive)
  }

  @Test func theServerTakesItsTimeAndTheClientItsPause() throws {
    let channel = try connection()
    channel.triggerUserOutboundEvent(ConnectionSignal.authenticated, promise: nil)
    for _ in 0..<3 {
      try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
      try channel.writeInbound(HTTPServerRequestPart.end(nil))
      channel.embeddedEventLoop.advanceTime(by: .seconds(4000))
      #expect(channel.isActive)
      try answer(channel)
      #expect(try !sent(channel).contains("connection: close"))
      channel.embeddedEventLoop.advanceTime(by: .seconds(119))
      #expect(channel.isActive)
    }
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test func whoHasSentNoTokenGetsAShorterPause() throws {
    let channel = try connection()
    for _ in 0..<3 {
      try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
      try channel.writeInbound(HTTPServerRequestPart.end(nil))
      try answer(channel)
      channel.embeddedEventLoop.advanceTime(by: .seconds(9))
      #expect(channel.isActive)
    }
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test(arguments: [true, false]) func whatNobodyWaitsForIsCancelled(isHalfClosed: Bool) throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    let cancelled = Mutex<[String]>([])
    func begin(_ name: String) {
      let signal = ConnectionSignal.began { cancelled.withLock { $0.append(name) } }
      channel.triggerUserOutboundEvent(signal, promise: nil)
    }
    begin("answered")
    channel.triggerUserOutboundEvent(ConnectionSignal.ended, promise: nil)
    begin("running")
    #expect(cancelled.withLock { $0 }.isEmpty)
    if isHalfClosed {
      channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      begin("late")
    } else {
      channel.close(promise: nil)
    }
    #expect(cancelled.withLock { $0 } == ["running"] + (isHalfClosed ? ["late"] : []))
  }

  @Test func anAnswerBeforeTheEndOfTheBodyEndsTheConnection() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try answer(channel, status: .unauthorized)
    #expect(try sent(channel).contains("connection: close\r\n"))
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test func whatIsSentAfterTheLastAnswerReachesNobodyAndIsReadForAWhileOnly() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    #expect(try channel.readInbound(as: HTTPServerRequestPart.self) != nil)
    try answer(channel, status: .unauthorized)
    let reads = ReadCount()
    try channel.pipeline.syncOperations.addHandler(reads, position: .first)
    for _ in 0..<4 {
      channel.read()
      try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(repeating: 1, count: 20 << 10)))
    }
    #expect(reads.count == 4)
    channel.read()
    #expect(reads.count == 4)
    #expect(try channel.readInbound(as: HTTPServerRequestPart.self) == nil)
  }

  @Test(
    arguments: [
      (.http1_1, "close", true), (.http1_0, "", true), (.http1_0, "keep-alive", false), (.http1_1, "", false),
    ]
      as [(HTTPVersion, String, Bool)])
  func theClientsWishIsKept(version: HTTPVersion, wish: String, closes: Bool) throws {
    let channel = try connection()
    var head = HTTPRequestHead(version: version, method: .GET, uri: "/")
    if !wish.isEmpty { head.headers.add(name: "Connection", value: wish) }
    try channel.writeInbound(HTTPServerRequestPart.head(head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    try answer(channel)
    channel.embeddedEventLoop.advanceTime(by: .seconds(3))
    #expect(channel.isActive == !closes)
  }

  @Test func whoHasNoTokenKeepsNoConnection() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    try answer(channel, status: .unauthorized)
    #expect(try sent(channel).contains("connection: close\r\n"))
    channel.embeddedEventLoop.advanceTime(by: .seconds(2))
    #expect(!channel.isActive)
  }

  @Test func anInformationalAnswerIsNotTheLast() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try channel.writeOutbound(
      HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .continue)))
    #expect(try !sent(channel).contains("connection: close"))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    try answer(channel)
    #expect(try !sent(channel).contains("connection: close"))
  }

  @Test func aClientThatDoesNotReadIsCutOff() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    channel.isWritable = false
    channel.pipeline.fireChannelWritabilityChanged()
    channel.embeddedEventLoop.advanceTime(by: .seconds(29))
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test func aClientThatReadsAgainGoesOn() throws {
    let channel = try connection()
    try channel.writeInbound(HTTPServerRequestPart.head(Self.head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    for isWritable in [false, true] {
      channel.isWritable = isWritable
      channel.pipeline.fireChannelWritabilityChanged()
      channel.embeddedEventLoop.advanceTime(by: .seconds(29))
    }
    channel.embeddedEventLoop.advanceTime(by: .seconds(1000))
    #expect(channel.isActive)
  }
}

/// An embedded channel closes both directions together; a socket does not.
private final class HalfClosing: ChannelOutboundHandler {
  typealias OutboundIn = Any

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode == .output { promise?.succeed() } else { context.close(mode: mode, promise: promise) }
  }
}

private final class ReadCount: ChannelOutboundHandler {
  typealias OutboundIn = Any
  private(set) var count = 0

  func read(context: ChannelHandlerContext) {
    count += 1
    context.read()
  }
}
