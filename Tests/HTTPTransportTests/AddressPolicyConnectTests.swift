import Addresses
import CurlTransfers
import FoundationEssentials
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import HTTPTransport

/// That a restricted client asks its policy about the address that it connects to, whatever way leads there.
struct AddressPolicyConnectTests {
  private static let onlyFirstLoopback = AddressPolicy.publicInternet(
    allowing: ["127.0.0.1"].compactMap(AddressRange.init))

  private func refused(_ client: HTTPClient, _ request: HTTPRequest) async {
    let error = await #expect(throws: HTTPTransportError.self) { try await client.send(request) }
    #expect(error?.code == .addressRefused)
  }

  /// What `getaddrinfo` makes an address of this machine of.
  @Test(arguments: [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0.0.0.0", "0",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "user@127.0.0.1",
  ])
  func noSpellingOfAnAddressLeadsToThisMachine(_ host: String) async throws {
    let server = try LoopbackServer { _, connection in connection.respond() }
    let client = HTTPClient(userAgent: "test", addresses: .publicInternet())
    await refused(client, HTTPRequest(url: "http://\(host):\(server.port)/"))
    #expect(server.acceptedConnections == 0)
  }

  @Test func whatIsRefusedIsNamed() async throws {
    let client = HTTPClient(userAgent: "test", addresses: .publicInternet())
    let error = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: "http://127.0.0.1:9/path?secret"))
    }
    #expect(error?.message == "127.0.0.1:9 is not connected to: it has a loopback address")
  }

  @Test func unixSocketsAreRefused() async throws {
    let folder = try TemporaryFolder()
    let socket = folder.file("engine.sock")
    let server = try LoopbackServer(unixSocketPath: socket) { _, connection in connection.respond() }
    let client = HTTPClient(userAgent: "test", addresses: .publicInternet())
    await refused(client, HTTPRequest(url: "http://docker/", unixSocketPath: socket))
    #expect(server.acceptedConnections == 0)
  }

  /// DNS rebinding: whoever looked first saw the allowed address.
  @Test func aNameThatChangesItsAddressIsRefusedFromThenOn() async throws {
    let server = try LoopbackServer { _, connection in
      connection.respond(headers: ["Connection: close"])
      connection.hangUp()
    }
    let address = Mutex("127.0.0.1")
    let client = HTTPClient(
      userAgent: "test",
      LoopSettings(
        addresses: Self.onlyFirstLoopback,
        knownHosts: { ["hook.test:\(server.port):\(address.withLock { $0 })"] }))
    let request = HTTPRequest(url: "http://hook.test:\(server.port)/")
    #expect(try await client.send(request).isSuccess)
    for other in ["127.0.0.2", "169.254.169.254", "::1", "::ffff:10.0.0.1"] {
      address.withLock { $0 = other }
      await refused(client, request)
    }
    #expect(server.acceptedConnections == 1)
    address.withLock { $0 = "127.0.0.1" }
    #expect(try await client.send(request).isSuccess)
  }

  @Test func ofSeveralAddressesTheAllowedOneIsConnectedTo() async throws {
    let server = try LoopbackServer { _, connection in connection.respond() }
    let client = HTTPClient(
      userAgent: "test",
      LoopSettings(
        addresses: Self.onlyFirstLoopback,
        knownHosts: { ["hook.test:\(server.port):[::1],10.0.0.1,127.0.0.2,127.0.0.1"] }))
    #expect(try await client.send(HTTPRequest(url: "http://hook.test:\(server.port)/")).isSuccess)
    #expect(server.acceptedConnections == 1)
  }

  @Test func aRedirectLeadsNowhereByItselfAndToNoRefusedAddressByHand() async throws {
    let inner = try LoopbackServer { _, connection in connection.respond() }
    let outer = try LoopbackServer { _, connection in
      connection.respond(307, headers: ["Location: http://127.0.0.2:\(inner.port)/"])
    }
    let client = HTTPClient(userAgent: "test", addresses: Self.onlyFirstLoopback)
    let response = try await client.send(HTTPRequest(url: outer.url))
    #expect(response.status == 307)
    await refused(client, HTTPRequest(url: try #require(response.headers["Location"])))
    #expect(inner.acceptedConnections == 0)
  }

  /// In a process of its own, whose environment is its own.
  @Test func aProxyIsNoWayAround() async {
    await #expect(processExitsWith: .success) {
      let proxy = try LoopbackServer { request, connection in connection.respond(body: Array(request.target.utf8)) }
      for name in ["http_proxy", "ALL_PROXY"] { unsafe setenv(name, proxy.url, 1) }
      let request = HTTPRequest(url: "http://hook.invalid/")
      let answer = try await HTTPClient(userAgent: "test").send(request)
      #expect(String(decoding: answer.body, as: UTF8.self) == "http://hook.invalid/")
      for policy in [AddressPolicy.publicInternet(), Self.onlyFirstLoopback] {
        let error = await #expect(throws: HTTPTransportError.self) {
          try await HTTPClient(userAgent: "test", addresses: policy).send(request)
        }
        #expect(error?.code == .couldNotResolve)
      }
      #expect(proxy.acceptedConnections == 1)
    }
  }
}
