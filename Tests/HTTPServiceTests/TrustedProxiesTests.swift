import Addresses
import Testing

@testable import HTTPService

struct TrustedProxiesTests {
  struct Row: Sendable {
    var peer: String?
    var forwarded: [String]
    var client: String?
  }

  @Test(arguments: [
    // Nobody speaks for somebody else by himself.
    Row(peer: "203.0.113.9", forwarded: ["198.51.100.1"], client: "203.0.113.9"),
    Row(peer: "10.0.0.5", forwarded: [], client: "10.0.0.5"),
    Row(peer: "10.0.0.5", forwarded: ["198.51.100.1"], client: "198.51.100.1"),
    // What the client wrote before the proxy is not believed.
    Row(peer: "10.0.0.5", forwarded: ["1.2.3.4, 198.51.100.1"], client: "198.51.100.1"),
    Row(peer: "10.0.0.5", forwarded: ["1.2.3.4", "198.51.100.1"], client: "198.51.100.1"),
    // Two proxies behind each other.
    Row(peer: "10.0.0.5", forwarded: ["198.51.100.1, 10.1.1.1"], client: "198.51.100.1"),
    Row(peer: "10.0.0.5", forwarded: ["198.51.100.1:4711"], client: "198.51.100.1"),
    Row(peer: "10.0.0.5", forwarded: ["[2001:db8::1]:4711"], client: "2001:db8::1"),
    Row(peer: "10.0.0.5", forwarded: ["2001:db8::1"], client: "2001:db8::1"),
    Row(peer: "::ffff:10.0.0.5", forwarded: ["198.51.100.1"], client: "198.51.100.1"),
    // Whom a proxy did not understand it does not speak for.
    Row(peer: "10.0.0.5", forwarded: ["unknown"], client: "10.0.0.5"),
    Row(peer: "10.0.0.5", forwarded: ["198.51.100.1, ,"], client: "10.0.0.5"),
    Row(peer: "10.0.0.5", forwarded: ["10.0.0.7"], client: "10.0.0.7"),
    Row(peer: nil, forwarded: ["198.51.100.1"], client: nil),
  ])
  func theLastAddressThatIsNoTrustedProxyCounts(_ row: Row) throws {
    let proxies = TrustedProxies([try #require(AddressRange("10.0.0.0/8"))])
    #expect(proxies.client(peer: row.peer, forwarded: row.forwarded) == row.client)
  }

  @Test func withoutATrustedProxyNothingIsBelieved() {
    #expect(TrustedProxies().client(peer: "127.0.0.1", forwarded: ["198.51.100.1"]) == "127.0.0.1")
  }

  @Test func ofEndlessHopsOnlyTheLastAreRead() throws {
    let proxies = TrustedProxies([try #require(AddressRange("10.0.0.0/8"))])
    let hops = Array(repeating: "10.0.0.1", count: 100_000).joined(separator: ",")
    #expect(proxies.client(peer: "10.0.0.5", forwarded: ["198.51.100.1," + hops]) == "10.0.0.1")
  }

  @Test func aProxysConnectionsAreNotCountedAsOneClients() throws {
    var limits = ConnectionLimits()
    limits.maximumConnections = 4
    limits.maximumConnectionsPerAddress = 1
    let count = ConnectionCount(limits)
    try count.enter("10.0.0.5", isProxy: true)
    try count.enter("10.0.0.5", isProxy: true)
    try count.enter("203.0.113.9")
    #expect(throws: ConnectionCount.Refusal.address(maximum: 1)) { try count.enter("203.0.113.9") }
    try count.enter("10.0.0.5", isProxy: true)
    #expect(throws: ConnectionCount.Refusal.total(maximum: 4)) { try count.enter("10.0.0.5", isProxy: true) }
  }
}
