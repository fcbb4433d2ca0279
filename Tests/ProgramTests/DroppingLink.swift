import TestSupport

#if canImport(Glibc)
  import Glibc
#endif

/// A way to a port of this machine that can lose packets without anybody being told, as a firewall that forgot a
/// connection does: a network namespace that sends on what comes to its address.
struct DroppingLink: Sendable {
  /// Where this machine is reached from the namespace.
  let hostAddress: String
  /// Where clients connect to.
  let address: String
  private let name: String
  private let interface: String

  /// Whether this machine lets a test make one.
  static var isAvailable: Bool {
    geteuid() == 0
      && ["ip", "iptables"].allSatisfy { tool in
        ["/usr/sbin/", "/sbin/", "/usr/bin/"].contains { unsafe access($0 + tool, X_OK) == 0 }
      }
  }

  /// Makes a link that is gone when `body` has ended.
  static func use(_ body: (DroppingLink) async throws -> Void) async throws {
    let link = DroppingLink()
    let result: Result<Void, any Error>
    do {
      try await link.make()
      result = .success(try await body(link))
    } catch {
      result = .failure(error)
    }
    try await link.command("ip", "netns", "delete", link.name)
    try result.get()
  }

  private init() {
    // 198.18.0.0/15 is for tests of networks (RFC 2544).
    let (third, fourth) = (UInt8.random(in: 0...255), UInt8.random(in: 0...63) * 4)
    hostAddress = "198.18.\(third).\(fourth + 1)"
    address = "198.18.\(third).\(fourth + 2)"
    name = "wrktalk-\(third)-\(fourth)"
    interface = "wt\(third)-\(fourth)"
  }

  private func make() async throws {
    try await command("ip", "netns", "add", name)
    try await command("ip", "link", "add", interface, "type", "veth", "peer", "name", "inner", "netns", name)
    try await command("ip", "address", "add", "\(hostAddress)/30", "dev", interface)
    try await command("ip", "link", "set", interface, "up")
    try await inside("ip", "address", "add", "\(address)/30", "dev", "inner")
    try await inside("ip", "link", "set", "inner", "up")
    try await inside("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    try await inside(
      "iptables", "-t", "nat", "-A", "PREROUTING", "-d", address, "-p", "tcp", "-j", "DNAT", "--to-destination",
      hostAddress)
    try await inside("iptables", "-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "-j", "MASQUERADE")
  }

  /// Loses every packet of the connections that are open now; new ones work.
  func forgetConnections(to port: Int) async throws {
    let lines = try await command("ss", "-Htn", "state", "established", "dst", "\(address):\(port)").split(
      separator: "\n")
    for line in lines {
      // `0 0 198.18.1.1:40312 198.18.1.2:6443`
      let own = line.split(separator: " ").dropFirst(2).first?.split(separator: ":").last
      guard let own else { continue }
      try await inside("iptables", "-I", "FORWARD", "-p", "tcp", "--sport", String(own), "-j", "DROP")
      try await inside("iptables", "-I", "FORWARD", "-p", "tcp", "--dport", String(own), "-j", "DROP")
    }
  }

  /// Loses every packet.
  func fail() async throws { try await inside("iptables", "-P", "FORWARD", "DROP") }

  func recover() async throws { try await inside("iptables", "-P", "FORWARD", "ACCEPT") }

  private func inside(_ words: String...) async throws {
    try await CustomerEnvironment.command(["ip", "netns", "exec", name] + words)
  }

  @discardableResult
  private func command(_ words: String...) async throws -> String { try await CustomerEnvironment.command(words) }
}
