import FoundationEssentials
import HTTPTransport
import Synchronization
import TestSupport
import Testing

@Suite struct HTTPClientTests {
  private let client = HTTPClient(userAgent: "wrktalk-test/1")

  @Test func requestArrivesAsItWasMeant() async throws {
    let seen = Mutex<ServerRequest?>(nil)
    let server = try LoopbackServer { request, connection in
      seen.withLock { $0 = request }
      connection.respond(201, headers: ["X-Answer:  forty two \t", "x-answer: second"], body: Array("done".utf8))
    }
    let response = try await client.send(
      HTTPRequest(
        method: "PATCH", url: server.url + "/a/../b?q=%20x", headers: [("X-Question", "why"), ("X-Empty", "")],
        body: .bytes(Array("hello".utf8))))
    let request = try #require(seen.withLock { $0 })
    #expect(request.method == "PATCH")
    #expect(request.target == "/a/../b?q=%20x")
    #expect(request.headers["x-question"] == "why")
    #expect(request.headers["x-empty"] == "")
    #expect(request.headers["user-agent"] == "wrktalk-test/1")
    #expect(request.headers["content-length"] == "5")
    #expect(request.headers["expect"] == nil)
    #expect(request.headers["accept-encoding"] == nil)
    #expect(request.headers["content-type"] == nil)
    #expect(request.body == Array("hello".utf8))
    #expect(response.status == 201)
    #expect(response.isSuccess)
    #expect(response.headers["X-ANSWER"] == "forty two")
    #expect(response.headers.fields.filter { $0.name.lowercased() == "x-answer" }.count == 2)
    #expect(response.body == Array("done".utf8))
  }

  @Test(arguments: ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"])
  func everyMethodWorksWithoutABody(method: String) async throws {
    let server = try LoopbackServer { request, connection in
      let length = request.headers["content-length"] ?? "none"
      if request.method == "HEAD" {
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
      } else {
        connection.respond(body: Array("\(request.method) \(length)".utf8))
      }
    }
    let response = try await client.send(HTTPRequest(method: method, url: server.url, maximumResponseBytes: 100))
    let length = ["POST", "PUT", "PATCH"].contains(method) ? "0" : "none"
    #expect(String(decoding: response.body, as: UTF8.self) == (method == "HEAD" ? "" : "\(method) \(length)"))
  }

  @Test(arguments: [301, 302, 307, 308, 404, 500, 503])
  func everyStatusIsAResponseAndNoRedirectIsFollowed(status: Int) async throws {
    let requests = RequestCounter()
    let server = try LoopbackServer { _, connection in
      requests.increment()
      connection.respond(status, headers: ["Location: /elsewhere"])
    }
    #expect(try await client.send(HTTPRequest(url: server.url)).status == status)
    #expect(requests.value == 1)
  }

  @Test func interimResponsesAndTrailersAreNotPartOfTheResponse() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
      connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Late: yes\r\n\r\n")
      connection.write("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: yes\r\n\r\n")
    }
    let response = try await client.send(HTTPRequest(url: server.url))
    #expect(response.status == 200)
    #expect(response.body == Array("abcde".utf8))
    #expect(response.headers["x-early"] == nil)
    #expect(response.headers["x-late"] == "yes")
    #expect(response.headers["x-trailer"] == nil)
  }

  @Test func compressedBodyIsLeftAsItIs() async throws {
    let server = try LoopbackServer { _, connection in
      connection.respond(headers: ["Content-Encoding: gzip"], body: [0x1F, 0x8B, 0x00])
    }
    #expect(try await client.send(HTTPRequest(url: server.url)).body == [0x1F, 0x8B, 0x00])
  }

  @Test func connectionIsUsedAgain() async throws {
    let server = try LoopbackServer { _, connection in connection.respond() }
    for _ in 0..<20 { _ = try await client.send(HTTPRequest(url: server.url)) }
    #expect(server.acceptedConnections == 1)
  }

  @Test func requestOnAConnectionThatTheServerClosedMeanwhileIsSentAgain() async throws {
    let server = try LoopbackServer { request, connection in
      connection.respond(body: request.body)
      connection.hangUp()
    }
    for number in 0..<10 {
      let body = Array("request \(number)".utf8)
      #expect(try await client.send(HTTPRequest(method: "PUT", url: server.url, body: .bytes(body))).body == body)
    }
  }

  @Test func fiveHundredRequestsAtOnceGetEachItsOwnResponse() async throws {
    let server = try LoopbackServer { request, connection in
      connection.respond(body: Array("\(request.target) \(request.body.count)".utf8))
    }
    try await withThrowingTaskGroup(of: (Int, HTTPResponse).self) { group in
      for number in 0..<500 {
        group.addTask {
          let request = HTTPRequest(
            method: "POST", url: server.url + "/\(number)", body: .bytes([UInt8](repeating: 1, count: number)))
          return (number, try await client.send(request))
        }
      }
      for try await (number, response) in group {
        #expect(String(decoding: response.body, as: UTF8.self) == "/\(number) \(number)")
      }
    }
  }

  @Test func unixSocketIsConnectedTo() async throws {
    let folder = try TemporaryFolder()
    let socket = folder.file("engine.sock")
    let server = try LoopbackServer(unixSocketPath: socket) { request, connection in
      connection.respond(body: Array("\(request.headers["host"] ?? "") \(request.target)".utf8))
    }
    let response = try await client.send(HTTPRequest(url: "http://docker/version", unixSocketPath: socket))
    #expect(String(decoding: response.body, as: UTF8.self) == "docker /version")
    withExtendedLifetime(server) {}
  }

  /// A small body goes with the head, a larger one after it.
  @Test(arguments: [0, 1, 16 << 10, (16 << 10) + 1, 1 << 20])
  func bodiesOfEverySizeArriveAsTheyAre(size: Int) async throws {
    let seen = Mutex<ServerRequest?>(nil)
    let server = try LoopbackServer { request, connection in
      seen.withLock { $0 = request }
      connection.respond()
    }
    let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for method in ["POST", "PUT", "DELETE"] {
      _ = try await client.send(HTTPRequest(method: method, url: server.url, body: .bytes(body)))
      let request = try #require(seen.withLock { $0 })
      #expect(request.method == method)
      #expect(request.body == body)
      #expect(request.headers["content-length"] == "\(size)")
      #expect(request.headers["content-type"] == nil)
      #expect(request.headers["expect"] == nil)
    }
    _ = try await client.send(
      HTTPRequest(method: "POST", url: server.url, headers: [("content-type", "a/b")], body: .bytes(body)))
    #expect(seen.withLock { $0?.headers["content-type"] } == "a/b")
  }

  @Test func largeFileIsUploadedFromDisk() async throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
    try Data(bytes).write(to: URL(filePath: folder.file("bundle")))
    let seen = Mutex<[UInt8]>([])
    let server = try LoopbackServer { request, connection in
      seen.withLock { $0 = request.body }
      connection.respond()
    }
    let response = try await client.send(
      HTTPRequest(method: "PUT", url: server.url, body: .file(path: folder.file("bundle"))))
    #expect(response.status == 200)
    #expect(seen.withLock { $0 } == bytes)
  }

  @Test func partsAreSentOneAfterTheOther() async throws {
    let folder = try TemporaryFolder()
    let file = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Data(file).write(to: URL(filePath: folder.file("chart")))
    try folder.write("", to: "empty")
    let seen = Mutex<[UInt8]>([])
    let server = try LoopbackServer { request, connection in
      seen.withLock { $0 = request.body }
      connection.respond()
    }
    let progress = Mutex<[Int]>([])
    let parts: [UploadPart] = [
      .bytes(Array("head".utf8)), .file(path: folder.file("empty")), .file(path: folder.file("chart")), .bytes([]),
      .bytes(Array("tail".utf8)),
    ]
    let response = try await client.send(
      HTTPRequest(
        method: "POST", url: server.url,
        body: .parts(parts, onProgress: { sent in progress.withLock { $0.append(sent) } })))
    #expect(response.status == 200)
    #expect(seen.withLock { $0 } == Array("head".utf8) + file + Array("tail".utf8))
    let sent = progress.withLock { $0 }
    #expect(sent == sent.sorted() && sent.last == file.count + 8)
    await #expect(throws: HTTPTransportError.self) {
      try await client.send(
        HTTPRequest(
          method: "POST", url: server.url,
          body: .parts([.file(path: folder.file("chart")), .file(path: "/nonexistent/file")], onProgress: { _ in })))
    }
  }

  @Test func responseOnAClosedConnectionEndsWithTheConnection() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\nuntil the end")
      connection.hangUp()
    }
    #expect(try await client.send(HTTPRequest(url: server.url)).body == Array("until the end".utf8))
  }

  @Test func shutDownClientRefusesRequestsAndFailsThoseUnderWay() async throws {
    let (arrived, announce) = AsyncStream<Void>.makeStream()
    let server = try LoopbackServer { _, connection in
      announce.yield()
      connection.waitForClose()
    }
    let client = HTTPClient(userAgent: "test")
    let running = Task { try await client.send(HTTPRequest(url: server.url)) }
    for await _ in arrived { break }
    await client.shutdown()
    await client.shutdown()
    let first = await #expect(throws: HTTPTransportError.self) { try await running.value }
    #expect(first?.code == .cancelled)
    let second = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: server.url))
    }
    #expect(second?.code == .cancelled)
  }

  @Test func clientThatWasNeverUsedShutsDown() async {
    await HTTPClient(userAgent: "test").shutdown()
  }
}
