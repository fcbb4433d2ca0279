import NIOCore
import NIOPosix

/// An answer that has begun and of which the client then reads nothing. The kernel holds at most a few kilobytes of it on this
/// side, however much it would let a receiver have, so the rest stays with the server.
struct UnreadAnswer: Sendable {
  /// The first bytes of the answer.
  let start: String
  private let channel: any Channel

  static func begin(_ request: String, port: Int) async throws -> UnreadAnswer {
    let start = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: String.self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.socketOption(.so_rcvbuf), value: 16 << 10)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(StartReader(start)) }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.writeAndFlush(ByteBuffer(string: request))
    channel.read()
    return UnreadAnswer(start: try await start.futureResult.get(), channel: channel)
  }

  /// Reads the rest until the server closes the connection.
  func readToEnd() async throws {
    try await channel.setOption(.autoRead, value: true).get()
    try await channel.closeFuture.get()
  }
}

private final class StartReader: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let start: EventLoopPromise<String>

  init(_ start: EventLoopPromise<String>) { self.start = start }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    start.succeed(String(buffer: unwrapInboundIn(data)))
  }

  func channelInactive(context: ChannelHandlerContext) { start.fail(ChannelError.eof) }
}
