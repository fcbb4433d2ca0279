import CoreKinds
import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// What becomes of a project when its deployment is deleted, with the real programs.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct DeletionTests {
  /// Two services, of which one keeps a volume.
  private static let composeFile =
    twoServices.replacing(
      "  media:\n", with: "  media:\n    volumes: [\"data:/data\"]\n") + "volumes: {data: {}}\n"

  /// Runs 1.0.0 in health under the policy.
  private func deploy(_ policy: DeletionPolicy, in environment: CustomerEnvironment) async throws {
    let artifact = try await environment.publish(version: "1.0.0", composeFile: Self.composeFile)
    var spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
    spec.deletionPolicy = policy
    try await environment.apply(spec)
    let ready = try await environment.waitUntilReady()
    #expect(ready.metadata.finalizers == (policy == .uninstall ? [DesiredDeploymentKind.finalizer] : nil))
  }

  private func delete(in environment: CustomerEnvironment) async throws {
    try await environment.client.delete(DesiredDeploymentKind.names, CustomerEnvironment.key)
  }

  /// How many networks and volumes the project has.
  private func remains(of environment: CustomerEnvironment) async throws -> (networks: Int, volumes: Int) {
    func count(_ kind: String) async throws -> Int {
      try await CustomerEnvironment.command(
        "docker", kind, "ls", "-q", "--filter", "label=com.docker.compose.project=\(environment.project)"
      ).split(separator: "\n").count
    }
    return (try await count("network"), try await count("volume"))
  }

  private func removeVolumes(of environment: CustomerEnvironment) async throws {
    try await CustomerEnvironment.command("docker", "volume", "rm", "-f", "\(environment.project)_data")
  }

  @Test func whatIsUninstalledIsGoneButForItsVolumes() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      try await deploy(.uninstall, in: environment)
      try await delete(in: environment)
      try await environment.waitUntilGone()
      #expect(try await environment.containers().isEmpty)
      #expect(try await remains(of: environment) == (0, 1))
      let events = try await environment.client.list(Event.names, namespace: CustomerEnvironment.key.namespace).items
      let reasons = events.compactMap { $0["reason"]?.string }
      #expect(reasons.contains("Uninstalling"))
      try await CustomerEnvironment.command("docker", "volume", "rm", "\(environment.project)_data")
    }
  }

  @Test func whatIsOrphanedGoesOnRunning() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      try await deploy(.uninstall, in: environment)
      var spec = try await environment.deployment().spec
      spec.deletionPolicy = .orphan
      try await environment.apply(spec)
      try await environment.wait(for: "the finalizer to be removed") { $0.metadata.finalizers == nil }
      try await delete(in: environment)
      try await environment.waitUntilGone()
      #expect(try await environment.containers() == ["backend": "running", "media": "running"])
      try await CustomerEnvironment.command("docker", "rm", "-f", try await environment.containerID(of: "backend"))
      try await CustomerEnvironment.command("docker", "rm", "-f", try await environment.containerID(of: "media"))
      try await removeVolumes(of: environment)
    }
  }

  /// When the Agent is killed.
  enum Death: String, Sendable, CaseIterable {
    case beforeTheDeletion
    case onceItSaysSo
    case onceAContainerIsGone
  }

  @Test(arguments: Death.allCases)
  func whatADeadAgentBeganTheNextOneFinishes(_ death: Death) async throws {
    try await CustomerEnvironment.use { environment in
      let agent = try await environment.startAgent()
      try await deploy(.uninstall, in: environment)
      if death == .beforeTheDeletion { await agent.kill() }
      try await delete(in: environment)
      switch death {
      case .beforeTheDeletion:
        #expect(try await environment.containers().count == 2)
        #expect(try await environment.deployment().metadata.deletionTimestamp != nil)
      case .onceItSaysSo:
        try await environment.wait(for: "the uninstallation to begin") { $0.status?.progress?.step == .uninstalling }
      case .onceAContainerIsGone: while try await environment.containers().count == 2 {}
      }
      await agent.kill()
      try await environment.startAgent()
      try await environment.waitUntilGone()
      #expect(try await environment.containers().isEmpty)
      #expect(try await remains(of: environment) == (0, 1))
      try await removeVolumes(of: environment)
    }
  }

  @Test func aDeploymentIsDeletedInTheMidstOfItsAttempt() async throws {
    try await CustomerEnvironment.use { environment in
      let agent = try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: Self.composeFile)
      var spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
      spec.deletionPolicy = .uninstall
      try await environment.apply(spec)
      try await environment.wait(for: "the workloads to be started") { $0.status?.progress?.step == .starting }
      // The Compose process that this Agent started may go on without it, and the next one waits for that.
      await agent.kill()
      try await delete(in: environment)
      try await environment.startAgent()
      try await environment.waitUntilGone()
      #expect(try await environment.containers().isEmpty)
      try await removeVolumes(of: environment)
    }
  }
}
