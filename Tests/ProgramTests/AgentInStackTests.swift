import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel
import TestSupport
import Testing

/// The Agent as a service of the very Compose project that it deploys.
@Suite(.needs(.docker), .needs(.images), .needs(.composeAgentImage), .usesEngine, .timeLimit(.minutes(60)))
struct AgentInStackTests {
  @Test func itReplacesItselfLastAndABrokenSuccessorIsRolledBack() async throws {
    try await CustomerEnvironment.use { environment in
      let image = try Testbed.location(of: .composeAgentImage)
      let old = String(image.split(separator: ":").last ?? "")
      let next = "\(old)-next"
      try await environment.publishAgent(image, as: next)
      try await environment.publishAgent(
        "\(try Testbed.location(of: .images))/wrktalk-agent:broken", as: "broken")
      func release(
        _ version: String, _ tag: String, agent: String, policy: DeletionPolicy? = nil
      ) async throws -> DesiredDeploymentSpec {
        let artifact = try await environment.publish(version: version, composeFile: environment.stackWithAgent)
        var spec = environment.spec(version: version, artifact: artifact, tag: tag)
        spec.imageTags?["agent"] = agent
        spec.deletionPolicy = policy
        return spec
      }
      let first = try await release("1.0.0", "v1", agent: old)
      try await environment.startStackByHand(version: "1.0.0", tags: first.imageTags ?? [:])

      // What was started by hand becomes what the record says.
      try await environment.apply(first)
      try await environment.waitUntilReady()
      let byRecord = try await environment.agents()
      #expect(byRecord.map(\.tag) == [old])

      try await environment.apply(try await release("1.1.0", "v2", agent: next))
      try await environment.wait(for: "the Agent's turn") { $0.status?.progress?.step == .replacingAgent }
      #expect(try await environment.servedVersion(of: "backend") == "v2", "everything else comes first")
      let upgraded = try await environment.waitUntilReady()
      #expect(upgraded.status?.current?.version == "1.1.0")
      #expect(upgraded.status?.current?.services?.first { $0.name == "agent" }?.replicas == 1)
      let confirmed = try await environment.agents()
      #expect(confirmed.map(\.tag) == [next], "the old one is gone")
      #expect(confirmed.map(\.id) != byRecord.map(\.id))

      try await environment.apply(try await release("1.2.0", "v3", agent: "broken"))
      let failed = try await environment.wait(for: "the rollback") {
        $0.status?.conditions?[DeploymentCondition.remediated]?.reason == "RolledBack"
      }
      let message = failed.status?.conditions?[DeploymentCondition.ready]?.message ?? ""
      #expect(message.contains("this build is broken"), "\(message)")
      #expect(failed.status?.current?.version == "1.1.0")
      #expect(try await environment.agents() == confirmed)
      #expect(try await environment.servedVersion(of: "backend") == "v2")

      // An Agent that dies while its successor comes up.
      try await environment.apply(try await release("1.3.0", "v3", agent: old, policy: .uninstall))
      try await environment.wait(for: "the Agent's turn") {
        $0.status?.progress?.step == .replacingAgent && $0.status?.lastAttemptedGeneration == $0.metadata.generation
      }
      // After `docker kill` the engine restarts nothing, so the successor has to run by then.
      try await CustomerEnvironment.command(
        "sh", "-c",
        """
        until [ "$(docker ps -q --filter label=com.docker.compose.project=\(environment.project) \
        --filter label=com.docker.compose.service=agent | wc -l)" = 2 ]; do sleep 0.1; done
        """)
      try await CustomerEnvironment.command("docker", "kill", confirmed[0].id)
      let survived = try await environment.wait(for: "the successor") {
        $0.isReady && $0.status?.current?.version == "1.3.0"
      }
      #expect(survived.spec.version == "1.3.0")
      #expect(try await environment.agents().map(\.tag) == [old])

      // Last of all it takes away everything but itself.
      try await environment.client.delete(DesiredDeploymentKind.names, CustomerEnvironment.key)
      try await environment.waitUntilGone()
      #expect(try await environment.containers() == ["agent": "running"])
    }
  }
}

extension CustomerEnvironment {
  struct AgentContainer: Hashable {
    var id: String
    var tag: String
  }

  /// Two services and the Agent, which uses the bucket and the server as one that runs on the host does.
  fileprivate var stackWithAgent: String {
    let variables = agentVariables.sorted { $0.key < $1.key }.map { "      \($0.key): \"\($0.value)\"" }
    let socket = Testbed.variable(Testbed.Facility.docker.variable)?.split(separator: "://").last ?? ""
    return twoServices + """
        agent:
          image: ${REGISTRY}/wrktalk-agent-compose:${AGENT_IMAGE_TAG}
          restart: unless-stopped
          network_mode: host
          stop_grace_period: 5s
          volumes: ["\(socket):\(socket)", "\(folder.path):\(folder.path)"]
          healthcheck:
            test: ["CMD", "wrktalk-agent", "health"]
            interval: 1s
            timeout: 5s
            retries: 10
          environment:
            WRKTALK_AGENT_HEALTH_FILE: /tmp/wrktalk-agent.health
      \(variables.joined(separator: "\n"))

      """
  }

  /// As a person would who sets up a customer's machine.
  fileprivate func startStackByHand(version: String, tags: [String: String]) async throws {
    let variables = tags.map { "\($0.key.uppercased())_IMAGE_TAG=\($0.value)" }
    let file = folder.file("bundle-\(version)/wrktalk/docker-compose.yaml")
    try await Self.command(
      ["env", "REGISTRY=\(try Testbed.location(of: .images))"] + variables
        + ["docker", "compose", "-p", project, "-f", file, "up", "--detach"])
  }

  fileprivate func publishAgent(_ image: String, as tag: String) async throws {
    let target = "\(try Testbed.location(of: .images))/wrktalk-agent-compose:\(tag)"
    try await Self.command("docker", "pull", "-q", image)
    try await Self.command("docker", "tag", image, target)
    try await Self.command("docker", "push", "-q", target)
  }

  /// The containers of the Agent's service.
  fileprivate func agents() async throws -> [AgentContainer] {
    try await Self.command(
      "docker", "ps", "-a", "--no-trunc", "--filter", "label=com.docker.compose.project=\(project)", "--filter",
      "label=com.docker.compose.service=agent", "--format", "{{.ID}} {{.Image}}"
    ).split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      let image = words.last?.split(separator: "@").first ?? ""
      return AgentContainer(id: String(words[0]), tag: String(image.split(separator: ":").last ?? ""))
    }
  }
}
