import HTTPTransport
import Synchronization
import TestSupport
import Testing

@Suite struct HTTPStreamTests {
  private let client = HTTPClient(userAgent: "wrktalk-test/1")

  @Test func headIsThereBeforeTheBodyAndPiecesComeAsTheyAreSent() async throws {
    let gate = BlockingGate()
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nX-Kind: watch\r\n\r\n")
      for number in 1...3 {
        gate.wait()
        connection.write("event \(number)\n")
      }
      gate.wait()
      connection.hangUp()
    }
    let response = try await client.stream(HTTPRequest(url: server.url, timeout: nil))
    #expect(response.status == 200)
    #expect(response.headers["x-kind"] == "watch")
    var iterator = response.body.makeAsyncIterator()
    for number in 1...3 {
      gate.open()
      #expect(try await iterator.next() == Array("event \(number)\n".utf8))
    }
    gate.open()
    #expect(try await iterator.next() == nil)
    #expect(try await iterator.next() == nil)
  }

  @Test func slowReaderHoldsTheServerBackAndLosesNothing() async throws {
    let pieceCount = 1024
    let pieceSize = 64 << 10
    let sent = Mutex(0)
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(pieceCount * pieceSize)\r\n\r\n")
      for number in 0..<pieceCount {
        guard connection.write([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: pieceSize)) else { return }
        sent.withLock { $0 += pieceSize }
      }
    }
    let response = try await client.stream(HTTPRequest(url: server.url))
    var received = 0
    var mismatches = 0
    for try await piece in response.body {
      for offset in stride(from: 0, to: piece.count, by: 997)
      where piece[offset] != UInt8(truncatingIfNeeded: (received + offset) / pieceSize) {
        mismatches += 1
      }
      received += piece.count
      #expect(piece.count <= 1 << 20)
      // What is on its way: the client's buffer and those of the kernel, never the whole body.
      #expect(sent.withLock { $0 } - received < 32 << 20)
    }
    #expect(received == pieceCount * pieceSize)
    #expect(mismatches == 0)
  }

  @Test func readerThatIsBehindIsNotAStalledServer() async throws {
    let size = 8 << 20
    let server = try LoopbackServer { request, connection in
      if request.target == "/silent" {
        connection.waitForClose()
      } else {
        connection.respond(body: [UInt8](repeating: 7, count: size))
      }
    }
    let response = try await client.stream(HTTPRequest(url: server.url, stallTimeout: .seconds(1)))
    // Its stall tells that the time of the unread response has passed too.
    let error = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: server.url + "/silent", stallTimeout: .milliseconds(1100)))
    }
    #expect(error?.code == .timedOut)
    var received = 0
    for try await piece in response.body { received += piece.count }
    #expect(received == size)
  }

  @Test func errorAfterTheHeadComesAfterTheBytesBeforeIt() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      connection.hangUp()
    }
    let response = try await client.stream(HTTPRequest(url: server.url))
    var received: [UInt8] = []
    let error = await #expect(throws: HTTPTransportError.self) {
      for try await piece in response.body { received += piece }
    }
    #expect(error?.code == .connectionLost)
    #expect(received == Array("half".utf8))
  }

  @Test func limitHoldsForStreamsToo() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
      while connection.write([UInt8](repeating: 0, count: 4096)) {}
    }
    let response = try await client.stream(HTTPRequest(url: server.url, maximumResponseBytes: 100_000))
    var received = 0
    let error = await #expect(throws: HTTPTransportError.self) {
      for try await piece in response.body { received += piece.count }
    }
    #expect(error?.code == .responseTooLarge)
    #expect(received <= 100_000)
  }

  @Test(arguments: Abandonment.allCases)
  func abandonedStreamClosesItsConnection(abandonment: Abandonment) async throws {
    let (closed, announce) = AsyncStream<Void>.makeStream()
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\nfirst")
      connection.waitForClose()
      announce.yield()
    }
    let request = HTTPRequest(url: server.url, timeout: nil)
    switch abandonment {
    case .response:
      _ = try await client.stream(request)
    case .iterator:
      let response = try await client.stream(request)
      for try await _ in response.body { break }
      for await _ in closed { break }
      withExtendedLifetime(response) {}
      return
    case .task:
      let (reading, told) = AsyncStream<Void>.makeStream()
      let reader = Task {
        for try await _ in try await client.stream(request).body { told.yield() }
      }
      for await _ in reading { break }
      reader.cancel()
      let error = await #expect(throws: HTTPTransportError.self) { try await reader.value }
      #expect(error?.code == .cancelled)
    }
    for await _ in closed { break }
  }

  enum Abandonment: CaseIterable {
    case response
    case iterator
    case task
  }

  @Test func streamKeepsItsClientAlive() async throws {
    let server = try LoopbackServer { _, connection in connection.respond(body: [1, 2, 3]) }
    let body = try await HTTPClient(userAgent: "test").stream(HTTPRequest(url: server.url)).body
    var received: [UInt8] = []
    for try await piece in body { received += piece }
    #expect(received == [1, 2, 3])
  }

  @Test func twoHundredStreamsShareOneThread() async throws {
    let server = try LoopbackServer { request, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
      for number in 0..<50 { connection.write("\(request.target) \(number)\n") }
      connection.hangUp()
    }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          var received: [UInt8] = []
          for try await piece in try await client.stream(HTTPRequest(url: "\(server.url)/\(number)")).body {
            received += piece
          }
          return String(decoding: received, as: UTF8.self) == (0..<50).map { "/\(number) \($0)\n" }.joined()
        }
      }
      for try await isWhole in group { #expect(isWhole) }
    }
  }
}
