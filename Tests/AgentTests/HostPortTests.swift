import DeploymentKinds
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// Which ports of a host a release takes, and who has them.
@Suite struct HostPortTests {
  @Test func theFixedPortsOfAComposeFileAreFoundInEveryForm() throws {
    let file: JSONValue = [
      "services": [
        "a": [
          "ports": [
            ["target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"],
            ["target": 53, "published": 5353, "protocol": "udp", "host_ip": "127.0.0.1"],
            ["target": 81], ["target": 82, "published": "9000-9010"],
          ]
        ],
        "b": ["ports": ["127.0.0.1:7000:70/udp", "7001:71", "72"]],
        "c": ["network_mode": "host", "ports": ["1:1"]],
      ]
    ]
    #expect(
      HostPort.published(by: file).map(\.description) == [
        "8080/tcp", "127.0.0.1:5353/udp", "127.0.0.1:7000/udp", "7001/tcp",
      ])
  }

  @Test func theKernelsTablesAreRead() {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
         1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
         2: 0100007F:0051 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1
         3: 00000000000000000000000000000000:0052 00000000000000000000000000000000:0000 0A
         4: 0000000000000000FFFF00000100007F:0053 00000000000000000000000000000000:0000 0A
        nonsense
      """
    #expect(
      HostPort.listening(in: table, .tcp).map(\.description) == [
        "127.0.0.1:8080/tcp", "80/tcp", "82/tcp", "127.0.0.1:83/tcp",
      ])
    #expect(HostPort.listening(in: table, .udp).isEmpty)
  }

  /// The kernel hands such a table out by pages, and here it has several.
  @Test func everyListenerOfABusyHostIsSeen() throws {
    let holders = try (0..<100).map { _ in try LoopbackServer { _, connection in connection.respond() } }
    let seen = Set(try #require(HostPort.listening()))
    withExtendedLifetime(holders) {
      let missing = holders.map { HostPort(.tcp, Int($0.port), address: "127.0.0.1") }.filter { !seen.contains($0) }
      #expect(missing.isEmpty)
    }
  }

  @Test(arguments: [
    (HostPort(.tcp, 80), HostPort(.tcp, 80), true), (HostPort(.tcp, 80), HostPort(.udp, 80), false),
    (HostPort(.tcp, 80, address: "127.0.0.1"), HostPort(.tcp, 80, address: "0.0.0.0"), true),
    (HostPort(.tcp, 80, address: "127.0.0.1"), HostPort(.tcp, 80, address: "10.0.0.1"), false),
  ])
  func portsOfDifferentAddressesGoTogether(_ one: HostPort, _ other: HostPort, isConflict: Bool) {
    #expect(one.conflicts(with: other) == isConflict && other.conflicts(with: one) == isConflict)
  }

  @Test(arguments: [
    ("nginx", RegistryLogins.dockerHub), ("library/nginx:1", RegistryLogins.dockerHub),
    ("docker.io/library/nginx", RegistryLogins.dockerHub), ("ghcr.io/x/y@sha256:a", "ghcr.io"),
    ("localhost/x", "localhost"), ("registry:5000/x", "registry:5000"),
  ])
  func aReferencesRegistryIsKnown(reference: String, registry: String) {
    #expect(RegistryLogins.registry(of: reference) == registry)
  }

  @Test(arguments: [
    (100, false, "Failed"), (500, false, "Warning"), (2_000, false, "Passed"), (500, true, "Failed"),
    (2_000, true, "Warning"), (8_000, true, "Passed"),
  ])
  func roomOnTheDiskIsJudgedByWhatIsToBePulled(mebibytes: Int64, isPulling: Bool, outcome: String) {
    #expect(ComposePreflight.disk(free: mebibytes << 20, folder: "/x", isPulling: isPulling).status.rawValue == outcome)
  }

  @Test func aQuotaThatIsUsedUpIsTold() {
    let quota: JSONValue = [
      "metadata": ["name": "q"],
      "status": ["hard": ["pods": "10", "requests.cpu": "2"], "used": ["pods": "10", "requests.cpu": "500m"]],
    ]
    let check = HelmPreflight.quota([quota])
    #expect(check.status == .warning && check.message.contains("pods of q (10 of 10)"))
    #expect(!check.message.contains("requests.cpu"))
    #expect(HelmPreflight.quota([]).status == .passed)
  }
}
