import Testing
import WireFormats

@testable import Agent

@Suite struct ReleaseContentsTests {
  static let file: JSONValue = [
    "services": [
      "app": ["configs": [["source": "settings"]], "secrets": [["source": "token"], ["source": "pw"]]],
      "side": ["configs": ["settings"]], "plain": [:],
    ],
    "configs": ["settings": ["content": "mode=1"]],
    "secrets": ["token": ["environment": "APP_TOKEN"], "pw": ["file": "/p/secret.txt"], "other": ["external": true]],
  ]

  private func digests(
    _ file: JSONValue = file, key: [UInt8] = [1], token: String = "t", secret: String? = "s"
  ) -> [String: String] {
    ReleaseContents(of: file).digests(key: key, variables: ["APP_TOKEN": token]) { path in
      path == "/p/secret.txt" ? secret.map { Array($0.utf8) } : nil
    }
  }

  @Test func servicesWithConfigsOrSecretsHaveADigest() {
    #expect(ReleaseContents(of: Self.file).variables == ["APP_TOKEN"])
    #expect(digests().keys.sorted() == ["app", "side"])
    #expect(digests() == digests())
  }

  @Test func everyContentCountsForThoseThatUseIt() {
    let before = digests()
    for after in [digests(token: "u"), digests(secret: "r"), digests(secret: nil)] {
      #expect(after["app"] != before["app"])
      #expect(after["side"] == before["side"])
    }
    let changed = digests([
      "services": Self.file["services"] ?? .null, "configs": ["settings": ["content": "mode=2"]],
      "secrets": Self.file["secrets"] ?? .null,
    ])
    #expect(changed["app"] != before["app"] && changed["side"] != before["side"])
  }

  @Test func aDigestSaysNothingWithoutItsKey() { #expect(digests(key: [1]) != digests(key: [2])) }
}

@Suite struct ResourceDefinitionsTests {
  private func definitions(_ networks: JSONValue = [:], volumes: JSONValue = [:]) -> ResourceDefinitions {
    ResourceDefinitions(
      of: ["services": ["app": ["networks": ["inner": .null]]], "networks": networks, "volumes": volumes], project: "p")
  }

  private func network(_ change: [String: JSONValue] = [:]) throws -> EngineNetwork {
    var row: [String: JSONValue] = [
      "Id": "1", "Name": "p_inner", "Driver": "bridge", "Internal": false, "Attachable": false, "EnableIPv6": false,
      "Options": [:], "IPAM": ["Config": [["Subnet": "172.31.93.0/24", "Gateway": "172.31.93.1"]]],
    ]
    for (key, value) in change { row[key] = value }
    return try #require(EngineNetwork(.object(row)))
  }

  @Test(
    arguments: [
      ([:], true), (["driver": "bridge"], true), (["internal": true], false), (["attachable": true], false),
      (["enable_ipv6": true], false), (["driver_opts": ["com.docker.network.driver.mtu": "1400"]], false),
      (["driver": "macvlan"], false), (["ipam": [:]], true),
      (["ipam": ["config": [["subnet": "172.31.93.0/24"]]]], true),
      (["ipam": ["config": [["subnet": "172.31.94.0/24"]]]], false),
      (["ipam": ["config": [["subnet": "172.31.93.0/24", "gateway": "172.31.93.9"]]]], false),
    ] as [(JSONValue, Bool)])
  func networksAreComparedWithWhatExists(_ definition: JSONValue, _ isAsDefined: Bool) throws {
    let outdated = definitions(["inner": definition]).outdated([try network()])
    #expect(outdated.isEmpty == isAsDefined)
  }

  @Test func networksOfOthersAreNotTheReleasesToDefine() throws {
    let external = definitions(["inner": ["name": "p_inner", "external": true, "internal": true]])
    #expect(external.outdated([try network()]).isEmpty)
    #expect(external.attachments["app"] == ["p_inner"])
  }

  @Test func volumesAreNeverChangedButNamed() throws {
    let found = try #require(EngineVolume(["Name": "p_data", "Driver": "local", "Options": ["device": "/a"]]))
    let wanted = definitions(volumes: ["data": ["driver_opts": ["device": "/b"]]])
    let said = wanted.unapplied([found])
    #expect(said.count == 1)
    #expect(said[0].contains("The volume p_data stays as it was made (local device=/a)"))
    #expect(definitions(volumes: ["data": ["driver_opts": ["device": "/a"]]]).unapplied([found]).isEmpty)
  }
}
