import DeploymentPlanning
import Testing
import WireFormats
import YAMLDocuments

@testable import Agent

/// Which container the Agent is, and what is to become of it.
@Suite struct OwnServiceTests {
  static let id = String(repeating: "0123456789abcdef", count: 4)
  static let other = String(repeating: "fedcba9876543210", count: 4)

  @Test(
    arguments: [
      (
        "95 76 254:0 /var/lib/docker/containers/\(id)/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw", "0::/",
        "agent", [id]
      ),
      (
        "95 76 254:0 /containers/overlay-containers/\(id)/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw", "0::/",
        "agent", [id]
      ),
      ("22 1 254:0 / / rw - ext4 /dev/vda rw", "9:memory:/docker/\(id)\n8:pids:/docker/\(id)", "agent", [id]),
      ("", "0::/system.slice/docker-\(id).scope", "agent", [id]),
      ("", "0::/", "0123456789ab", ["0123456789ab"]),
      (
        "95 76 254:0 /var/lib/docker/containers/\(other)/x /mnt rw - ext4 /dev/vda rw", "0::/", "0123456789ab",
        ["0123456789ab"]
      ),
      ("22 1 254:0 / / rw - ext4 /dev/vda rw", "0::/user.slice", "workstation1", nil),
      ("", "", "", nil),
    ] as [(String, String, String, [String]?)])
  func theKernelTellsTheContainer(mountInfo: String, cgroup: String, hostName: String, identifiers: [String]?) {
    #expect(
      OwnContainer(mountInfo: mountInfo, cgroup: cgroup, hostName: hostName)?.identifiers == identifiers)
  }

  @Test func itIsFoundAmongTheProjectsContainersOnly() throws {
    let own = try #require(OwnContainer(mountInfo: "", cgroup: "/docker/\(Self.id)", hostName: ""))
    let containers = [Self.container(Self.other), Self.container(Self.id)]
    #expect(own.find(among: containers)?.id == Self.id)
    #expect(own.find(among: [containers[0]]) == nil)
  }

  @Test(
    arguments: [
      ("agent: {image: 'agent:1'}\n  media: {image: 'media:1'}", nil),
      ("agent: {image: 'agent:1', ports: ['8080']}", nil),
      ("agent: {image: 'agent:1', ports: [{target: 8080}], depends_on: {media: {condition: service_healthy}}}", nil),
      ("agent: {image: 'agent:1', ports: ['127.0.0.1:80:8080/tcp'], network_mode: host}", nil),
      ("media: {image: 'media:1'}", "no such service"),
      ("agent: {image: 'agent:1', container_name: wrktalk-agent}", "container_name wrktalk-agent"),
      ("agent: {image: 'agent:1', ports: ['127.0.0.1:80:8080/tcp']}", "publishes a port"),
      ("agent: {image: 'agent:1', ports: [{target: 8080, published: '80'}]}", "publishes a port"),
      ("agent: {image: 'agent:1', deploy: {replicas: 2}}", "2 replicas"),
      (
        "agent: {image: 'agent:1'}\n  media: {image: 'media:1', depends_on: {agent: {condition: service_started}}}",
        "service media depends on it"
      ),
      ("agent: {image: 'agent:1'}\n  media: {image: 'media:1', depends_on: [agent]}", "service media depends on it"),
    ] as [(String, String?)])
  func aReleaseInWhichItCannotBeReplacedIsRefused(services: String, part: String?) throws {
    let file = try #require(try YAMLStream.parse("services:\n  \(services)\n", file: "test").first).value
    let own = OwnService(container: Self.container(Self.id))
    do throws(RuntimeFailure) {
      try own.check(ComposeService.services(of: file))
      #expect(part == nil)
    } catch {
      #expect(error.kind == .permanent)
      #expect(error.reason == "AgentNotReplaceable")
      #expect(part.map { error.message.contains($0) } == true, "\(error.message)")
    }
  }

  @Test func whatTheReleaseWantsStaysOrTakesOver() {
    let own = OwnService(container: Self.container(Self.id, hash: "new"))
    let old = Self.container(Self.other, hash: "old")
    let created = Self.container("c1", hash: "new", state: "created")
    #expect(own.plan(others: [], created: created) == .stay(superfluous: []))
    #expect(own.plan(others: [old], created: created) == .stay(superfluous: [old]))

    let outdated = OwnService(container: Self.container(Self.id, hash: "old"))
    let started = Self.container(Self.other, hash: "new")
    #expect(outdated.plan(others: [], created: created) == .yield(to: created, superfluous: []))
    #expect(outdated.plan(others: [started], created: created) == .yield(to: started, superfluous: []))
    #expect(outdated.plan(others: [old], created: created) == .yield(to: created, superfluous: [old]))
  }

  @Test func onlyWhatNeverRanIsLeftOver() {
    let own = OwnService(container: Self.container(Self.id, state: "created"))
    let created = Self.container("c1", state: "created")
    let foreign = Self.container("c2", service: "media", state: "created")
    let running = Self.container("c3")
    #expect(own.leftovers(among: [own.container, created, foreign, running]) == [created])
    #expect(own.others(among: [own.container, created, foreign, running]) == [created, running])
  }

  static func container(
    _ id: String, service: String = "agent", hash: String = "hash", state: String = "running"
  ) -> EngineContainer {
    EngineContainer([
      "Id": .string(id), "Names": [.string("/wrktalk-\(service)-\(id.prefix(4))")], "State": .string(state),
      "Status": state == "running" ? "Up 3 seconds" : "Created",
      "Labels": ["com.docker.compose.service": .string(service), "com.docker.compose.config-hash": .string(hash)],
    ])!
  }
}
