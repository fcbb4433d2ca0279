import HTTPTransport
import TestSupport
import Testing

@Suite struct HTTPFailureTests {
  private let client = HTTPClient(userAgent: "wrktalk-test/1")

  private func failure(of request: HTTPRequest) async -> HTTPTransportError? {
    await #expect(throws: HTTPTransportError.self) { try await client.send(request) }
  }

  @Test func refusedConnectionNamesThePeer() async throws {
    let port = try LoopbackServer { _, _ in }.port
    let error = await failure(of: HTTPRequest(url: "http://127.0.0.1:\(port)/path?secret=1"))
    #expect(error?.code == .couldNotConnect)
    #expect(error?.message == "cannot connect to 127.0.0.1:\(port): Connection refused")
  }

  @Test func missingUnixSocketIsNamed() async {
    let error = await failure(of: HTTPRequest(url: "http://docker/", unixSocketPath: "/nonexistent/engine.sock"))
    #expect(error?.code == .couldNotConnect)
    #expect(error?.message.contains("/nonexistent/engine.sock") == true)
  }

  @Test func unknownHostIsToldFromARefusedConnection() async {
    let error = await failure(of: HTTPRequest(url: "http://no-such-host.invalid/"))
    // A proxy from the environment is asked for the host instead, and answers.
    #expect(error == nil || error?.code == .couldNotResolve)
  }

  @Test(arguments: [
    "", "not a url", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "/path", "http://127.0.0.1/a b",
    "http://127.0.0.1:99999/", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/\0",
  ])
  func unusableURLIsRefused(url: String) async {
    #expect(await failure(of: HTTPRequest(url: url))?.code == .invalidRequest)
  }

  @Test func fieldsThatWouldChangeTheRequestAreRefused() async {
    let url = "http://127.0.0.1:1/"
    let requests = [
      HTTPRequest(method: "GET /evil HTTP/1.1\r\nX:", url: url), HTTPRequest(method: "", url: url),
      HTTPRequest(url: url, headers: [("X-A", "b\r\nX-Evil: 1")]), HTTPRequest(url: url, headers: [("X-A", "b\0")]),
      HTTPRequest(url: url, headers: [("X A", "b")]), HTTPRequest(url: url, headers: [("", "b")]),
      HTTPRequest(url: url, headers: [("X-A:", "b")]),
      HTTPRequest(url: url, unixSocketPath: String(repeating: "a", count: 200)),
    ]
    for request in requests { #expect(await failure(of: request)?.code == .invalidRequest) }
  }

  @Test func unreadableUploadFailsBeforeAnythingIsSent() async {
    for path in ["/nonexistent/file", "/etc"] {
      let error = await failure(of: HTTPRequest(method: "PUT", url: "http://127.0.0.1:1/", body: .file(path: path)))
      #expect(error?.code == .fileUnreadable)
      #expect(error?.message.contains(path) == true)
    }
  }

  @Test func announcedBodyThatIsTooLargeIsRefusedAtOnce() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
      connection.waitForClose()
    }
    let error = await failure(of: HTTPRequest(url: server.url, maximumResponseBytes: 1000))
    #expect(error?.code == .responseTooLarge)
  }

  @Test(arguments: [0, 999, 1000, 1_000_000])
  func unannouncedBodyIsCountedAsItComes(limit: Int) async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
      while connection.write([UInt8](repeating: 0, count: 4096)) {}
    }
    let error = await failure(of: HTTPRequest(url: server.url, maximumResponseBytes: limit))
    #expect(error?.code == .responseTooLarge)
  }

  @Test func bodyOfExactlyTheLimitIsTaken() async throws {
    let server = try LoopbackServer { _, connection in connection.respond(body: [1, 2, 3]) }
    #expect(try await client.send(HTTPRequest(url: server.url, maximumResponseBytes: 3)).body.count == 3)
  }

  @Test func endlessHeadersAreCutOff() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n")
      while connection.write("X-Filler: \(String(repeating: "a", count: 1000))\r\n") {}
    }
    #expect(await failure(of: HTTPRequest(url: server.url))?.code == .responseTooLarge)
  }

  @Test func cutOffBodyIsAnErrorNotAShortBody() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      connection.hangUp()
    }
    #expect(await failure(of: HTTPRequest(url: server.url))?.code == .connectionLost)
  }

  @Test(arguments: ["", "SSH-2.0-OpenSSH\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"])
  func answerThatIsNotHTTPIsALostConnection(answer: String) async throws {
    let server = try LoopbackServer { _, connection in
      connection.write(answer)
      connection.hangUp()
    }
    #expect(await failure(of: HTTPRequest(url: server.url))?.code == .connectionLost)
  }

  @Test func silentServerTimesOut() async throws {
    let server = try LoopbackServer { _, connection in connection.waitForClose() }
    let error = await failure(of: HTTPRequest(url: server.url, timeout: .milliseconds(50)))
    #expect(error?.code == .timedOut)
    #expect(error?.message == "timed out: 127.0.0.1:\(server.port) did not finish its response in time")
  }

  @Test func serverThatStopsInTheMiddleIsStalled() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      connection.waitForClose()
    }
    let error = await failure(of: HTTPRequest(url: server.url, timeout: nil, stallTimeout: .milliseconds(50)))
    #expect(error?.code == .timedOut)
  }

  @Test func cancellationClosesTheConnectionAtOnce() async throws {
    let (events, announce) = AsyncStream<String>.makeStream()
    let server = try LoopbackServer { _, connection in
      announce.yield("arrived")
      connection.waitForClose()
      announce.yield("closed")
    }
    let running = Task { try await client.send(HTTPRequest(url: server.url, timeout: nil)) }
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == "arrived")
    running.cancel()
    let error = await #expect(throws: HTTPTransportError.self) { try await running.value }
    #expect(error?.code == .cancelled)
    #expect(await iterator.next() == "closed")
  }

  @Test func cancelledTaskSendsNothing() async throws {
    let server = try LoopbackServer { _, connection in connection.respond() }
    let running = Task {
      unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
      return try await client.send(HTTPRequest(url: server.url))
    }
    let error = await #expect(throws: HTTPTransportError.self) { try await running.value }
    #expect(error?.code == .cancelled)
  }

  @Test func cancellationAtAnyMomentLeavesTheClientUsable() async throws {
    let server = try LoopbackServer { _, connection in connection.respond(body: [1]) }
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<300 {
        group.addTask {
          let running = Task { try await client.send(HTTPRequest(url: server.url)) }
          for _ in 0..<number % 30 { await Task.yield() }
          running.cancel()
          _ = await running.result
        }
      }
    }
    #expect(try await client.send(HTTPRequest(url: server.url)).body == [1])
  }
}
