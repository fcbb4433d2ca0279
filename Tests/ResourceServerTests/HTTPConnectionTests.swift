import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import WireFormats

@testable import HTTPService
@testable import ResourceServer

@Suite struct HTTPConnectionTests {
  /// Sends `text` and returns everything that comes back until the server ends the connection.
  private func exchange(_ server: HTTPTestServer, _ text: String) async throws -> String {
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: server.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      var answer = ""
      do {
        try await outbound.write(ByteBuffer(string: text))
        for try await buffer in inbound { answer += String(buffer: buffer) }
      } catch {
        // The server has closed the connection while something was still to be sent.
      }
      return answer
    }
  }

  @Test(arguments: ["", "Authorization: Bearer wrong\r\n", "Authorization: Bearer admin\r\n"])
  func anEarlyAnswerEndsTheConnectionHoweverLongTheBody(authorization: String) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await exchange(
        server,
        "POST \(HTTPTestServer.collection) HTTP/1.1\r\nHost: a\r\n\(authorization)"
          + "Content-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n{")
      #expect(answer.hasPrefix("HTTP/1.1 \(authorization.contains("admin") ? 413 : 401) "))
      #expect(answer.contains("connection: close\r\n") || answer.contains("Connection: close\r\n"))
      #expect(answer.contains(#""kind":"Status""#))
    }
  }

  @Test func aBodyThatDoesNotComeEndsInTime() async throws {
    var service = ServiceConfiguration()
    service.requestTimeout = .milliseconds(20)
    try await HTTPTestServer.run(service: service) { server in
      let answer = try await exchange(
        server,
        "POST \(HTTPTestServer.collection) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\n"
          + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
      #expect(answer.hasPrefix("HTTP/1.1 504 "))
      #expect(try await server.send("GET", "/healthz", token: nil).status == 200)
    }
  }

  @Test func aConnectionThatSaysNothingIsClosed() async throws {
    var limits = ConnectionLimits()
    limits.headTimeout = .milliseconds(1)
    try await HTTPTestServer.run(connections: limits) { server in
      let answer = try await exchange(server, "GET /healthz HTTP/1.1\r\nHost: ")
      #expect(answer.isEmpty)
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: ["", "&watch=1"]) func aSearchEndsWhenItsClientLeaves(query: String)
    async throws
  {
    var service = ServiceConfiguration()
    service.requestTimeout = .seconds(3600)
    try await HTTPTestServer.run(service: service) { server in
      server.store.holdSearches()
      let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connect(host: "127.0.0.1", port: server.port).get()
      let request =
        "GET \(HTTPTestServer.collection)?fieldSelector=metadata.name!%3Da\(query) HTTP/1.1\r\nHost: a\r\n"
        + "Authorization: Bearer admin\r\n\r\n"
      try await channel.writeAndFlush(ByteBuffer(string: request))
      for await search in server.store.searches {
        if search == .cancelled { break }
        try await channel.close()
      }
    }
  }

  @Test func aMalformedBodyIsTheClientsFault() async throws {
    let log = RecordedLog()
    try await HTTPTestServer.run(logger: log.logger) { server in
      let answer = try await exchange(
        server,
        "POST \(HTTPTestServer.collection) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\n"
          + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 400 "))
    }
    #expect(log.lines(atLeast: .warning).isEmpty)
  }

  @Test func oneAddressCannotTakeEveryConnection() async throws {
    var limits = ConnectionLimits()
    limits.maximumConnectionsPerAddress = 1
    let log = RecordedLog()
    try await HTTPTestServer.run(connections: limits, logger: log.logger) { server in
      var request = server.request("GET", "\(HTTPTestServer.collection)?watch=1")
      request.timeout = nil
      let first = try await server.http.stream(request)
      #expect(first.status == 200)
      let second = HTTPClient(userAgent: "second")
      await #expect(throws: (any Error).self) { try await second.send(server.request("GET", "/version")) }
      await second.shutdown()
      withExtendedLifetime(first) {}
    }
    #expect(log.lines(atLeast: .warning).count == 1)
  }

  /// A fleet that comes back all at once is told when to come again; who finds no room even for that is cut off.
  @Test func whoFindsNoRoomIsToldWhenToComeAgain() async throws {
    var limits = ConnectionLimits()
    (limits.maximumConnections, limits.maximumRefusals) = (1, 1)
    try await HTTPTestServer.run(connections: limits) { server in
      var request = server.request("GET", "\(HTTPTestServer.collection)?watch=1")
      request.timeout = nil
      let first = try await server.http.stream(request)
      #expect(first.status == 200)
      for _ in 0..<3 {
        let answer = try await exchange(server, "GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.hasSuffix(" s\"}\n"), "\(answer)")
        let line = answer.split(separator: "\r\n").first { $0.lowercased().hasPrefix("retry-after: ") }
        let seconds = line.flatMap { Int($0.dropFirst("retry-after: ".count)) } ?? 0
        #expect((1...ConnectionLimits().longestRetry).contains(seconds))
      }
      withExtendedLifetime(first) {}
    }
  }

  @Test func connectionsAreCountedInTotalAndByAddress() throws {
    var limits = ConnectionLimits()
    (limits.maximumConnections, limits.maximumConnectionsPerAddress) = (3, 2)
    let count = ConnectionCount(limits)
    for address in ["a", "a", "b"] { try count.enter(address) }
    #expect(throws: ConnectionCount.Refusal.total(maximum: 3)) { try count.enter("c") }
    count.leave("b")
    #expect(throws: ConnectionCount.Refusal.address(maximum: 2)) { try count.enter("a") }
    try count.enter("c")
    count.leave("a")
    try count.enter("a")
    #expect((0..<600).count { _ in count.enterRefusal() } == limits.maximumRefusals)
    count.leaveRefusal()
    #expect(count.enterRefusal() && !count.enterRefusal())
  }

  @Test(arguments: [(4096, 1024, 896, 224), (4096, 1 << 20, 4096, 1024), (100, 1 << 20, 100, 25), (4096, 64, 16, 16)])
  func descriptorsAreLeftForTheDatabase(wanted: Int, openFiles: Int, connections: Int, perAddress: Int) {
    let limits = ConnectionLimits(maximumConnections: wanted, openFileLimit: openFiles)
    #expect(limits.maximumConnections == connections)
    #expect(limits.maximumConnectionsPerAddress == perAddress)
  }

  @Test func theLogSaysWhoWroteWhatButNotTheBody() async throws {
    let log = RecordedLog()
    try await HTTPTestServer.run(logger: log.logger) { server in
      try await server.create("written")
      _ = try await server.send("GET", "\(HTTPTestServer.collection)/written")
      _ = try await server.send(
        "PATCH", "\(HTTPTestServer.collection)/written/status", ["status": ["observedGeneration": 1]], token: "agent",
        contentType: "application/merge-patch+json")
      _ = try await server.send("DELETE", "\(HTTPTestServer.collection)/written?dryRun=All")
      _ = try await server.send("DELETE", "\(HTTPTestServer.collection)/written")
      _ = try await server.send("POST", HTTPDepthTests.events, HTTPDepthTests.event("routine"), token: "agent")
    }
    let lines = log.lines(atLeast: .info).filter { $0.contains("Wrote object") }
    #expect(lines.count == 3)
    for (line, words) in zip(lines, ["the-admin create", "the-agent patch", "the-admin delete"]) {
      for word in words.split(separator: " ") { #expect(line.contains(word)) }
      #expect(line.contains("written"))
      #expect(!line.contains("artifacts/a.tgz"))
    }
  }
}

/// What a server logs.
private final class RecordedLog: Sendable {
  private let records = Mutex<[(level: Logger.Level, line: String)]>([])

  var logger: Logger {
    Logger(label: "test") { _ in Handler(log: self) }
  }

  func lines(atLeast level: Logger.Level) -> [String] {
    records.withLock { $0.filter { $0.level >= level }.map(\.line) }
  }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = (event.metadata ?? [:]).map { "\($0)=\($1)" }.joined(separator: " ")
      log.records.withLock { $0.append((event.level, "\(event.message) \(fields)")) }
    }
  }
}
