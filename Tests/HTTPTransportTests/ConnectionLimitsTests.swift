import Glibc
import HTTPTransport
import Synchronization
import TestSupport
import Testing

struct ConnectionLimitsTests {
  /// Requests that a server has now, and the most that it had.
  private struct Presence {
    var now = 0
    var most = 0

    mutating func enter() {
      now += 1
      most = max(most, now)
    }
  }

  @Test func noMoreRequestsThanAllowedAreUnderWay() async throws {
    let presence = Mutex(Presence())
    let servers = try (0..<3).map { _ in
      let here = Mutex(Presence())
      return try LoopbackServer { request, connection in
        let most = here.withLock { here in
          here.enter()
          return here.most
        }
        presence.withLock { $0.enter() }
        for _ in 0..<20 { sched_yield() }
        presence.withLock { $0.now -= 1 }
        here.withLock { $0.now -= 1 }
        connection.respond(body: Array("\(most)".utf8))
      }
    }
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 5, perHost: 2))
    try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<150 {
        group.addTask {
          let body = try await client.send(HTTPRequest(url: servers[number % 3].url)).body
          return Int(String(decoding: body, as: UTF8.self)) ?? 99
        }
      }
      for try await most in group { #expect(most <= 2) }
    }
    #expect(presence.withLock { $0.most } <= 5)
  }

  /// A server that answers when it is told to, and says how many requests have come.
  private func holdingServer() throws -> (server: LoopbackServer, gate: BlockingGate, arrivals: AsyncStream<String>) {
    let gate = BlockingGate()
    let (arrivals, announce) = AsyncStream<String>.makeStream()
    let server = try LoopbackServer { request, connection in
      announce.yield(request.target)
      gate.wait()
      connection.respond()
    }
    return (server, gate, arrivals)
  }

  @Test func aRequestThatWaitsForAConnectionHasItsTimeout() async throws {
    let (server, gate, arrivals) = try holdingServer()
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(perHost: 1))
    let first = Task { try await client.send(HTTPRequest(url: server.url + "/first")) }
    var iterator = arrivals.makeAsyncIterator()
    #expect(await iterator.next() == "/first")
    for request in [
      HTTPRequest(url: server.url + "/second", timeout: .milliseconds(20)),
      HTTPRequest(url: server.url + "/third", timeout: nil, connectTimeout: .milliseconds(20)),
    ] {
      let error = await #expect(throws: HTTPTransportError.self) { try await client.send(request) }
      #expect(error?.code == .timedOut)
      #expect(
        error?.message == "timed out: no connection to 127.0.0.1:\(server.port) was free for 0.02 seconds")
    }
    gate.open()
    #expect(try await first.value.isSuccess)
    gate.open()
    #expect(try await client.send(HTTPRequest(url: server.url + "/fourth")).isSuccess)
    #expect(await iterator.next() == "/fourth")
  }

  @Test func aCancelledRequestLeavesTheLine() async throws {
    let (server, gate, arrivals) = try holdingServer()
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 1))
    let first = Task { try await client.send(HTTPRequest(url: server.url + "/first")) }
    var iterator = arrivals.makeAsyncIterator()
    #expect(await iterator.next() == "/first")
    let second = Task { try await client.send(HTTPRequest(url: server.url + "/second")) }
    let third = Task {
      // It begins to wait after the second, or takes its place.
      await Task.yield()
      return try await client.send(HTTPRequest(url: server.url + "/third"))
    }
    second.cancel()
    let error = await #expect(throws: HTTPTransportError.self) { try await second.value }
    #expect(error?.code == .cancelled)
    gate.open()
    #expect(try await first.value.isSuccess)
    gate.open()
    #expect(try await third.value.isSuccess)
    #expect(await iterator.next() == "/third")
  }

  @Test func aRequestThatIsGivenUpMakesRoomForTheNext() async throws {
    let (server, gate, arrivals) = try holdingServer()
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 1))
    let first = Task { try await client.send(HTTPRequest(url: server.url + "/first", timeout: nil)) }
    var iterator = arrivals.makeAsyncIterator()
    #expect(await iterator.next() == "/first")
    let second = Task { try await client.send(HTTPRequest(url: server.url + "/second")) }
    first.cancel()
    #expect(await iterator.next() == "/second")
    gate.open()
    gate.open()
    #expect(try await second.value.isSuccess)
  }

  @Test func anIdleConnectionMakesRoomForOneToAnotherHost() async throws {
    let (closed, announce) = AsyncStream<Int>.makeStream()
    let servers = try (0..<3).map { number in
      try LoopbackServer { _, connection in
        connection.respond()
        connection.waitForClose()
        announce.yield(number)
      }
    }
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 2))
    for server in servers { #expect(try await client.send(HTTPRequest(url: server.url)).isSuccess) }
    var iterator = closed.makeAsyncIterator()
    #expect(await iterator.next() == 0)
  }

  @Test func shutdownFailsThoseThatWait() async throws {
    let (server, gate, arrivals) = try holdingServer()
    let client = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 1))
    let requests = (0..<10).map { _ in Task { try await client.send(HTTPRequest(url: server.url)) } }
    for await _ in arrivals { break }
    await client.shutdown()
    for request in requests {
      let error = await #expect(throws: HTTPTransportError.self) { try await request.value }
      #expect(error?.code == .cancelled)
    }
    gate.open()
  }

  /// A program that this one starts would keep them open.
  @Test func connectionsAreNotInherited() async throws {
    let server = try LoopbackServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\nfirst")
      connection.waitForClose()
    }
    let response = try await HTTPClient(userAgent: "test").stream(HTTPRequest(url: server.url, timeout: nil))
    let own = (Int32(0)..<4096).filter { descriptor in
      var address = sockaddr_in()
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getpeername(descriptor, $0, &length) }
      }
      return result == 0 && address.sin_family == sa_family_t(AF_INET)
        && UInt16(bigEndian: address.sin_port) == server.port
    }
    #expect(own.count == 1)
    for descriptor in own { #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0) }
    withExtendedLifetime(response) {}
  }
}
