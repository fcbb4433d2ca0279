import DeploymentKinds
import FoundationEssentials
import ResourceModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Agents that are killed with SIGKILL while Helm works: whoever comes next ends what was begun.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmCrashTests {
  /// A migration that takes its time keeps Helm in the middle of an upgrade.
  private static let slowMigration =
    #"migration: {enabled: true, command: [/bin/sh, -c, "sleep 6; echo the database is up to date"]}"#

  /// Deploys 1.0.0, begins the upgrade to 1.1.0 and returns once its migration runs.
  private func beginUpgrade(in environment: HelmEnvironment) async throws {
    try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))
    try await environment.apply(try await environment.spec("1.1.0", tag: "v2", values: Self.slowMigration))
    try await environment.wait(for: "the migration to run") {
      $0.status?.progress?.message.contains("Job wrktalk-migration") == true
    }
  }

  private func expectTheNewVersion(in environment: HelmEnvironment) async throws {
    let ready = try await environment.waitUntilReady()
    #expect(ready.status?.current?.version == "1.1.0")
    #expect(ready.status?.failure == nil)
    #expect(ready.status?.history?.map(\.outcome) == [.deployed, .deployed])
    let revision = try #require(ready.status?.current?.revision)
    let history = try await environment.helmHistory()
    #expect(history.last == "\(revision) deployed wrktalk-1.1.0")
    #expect(!history.contains { $0.contains("pending") }, "\(history)")
    for service in ["backend", "media"] {
      #expect(try await environment.servedVersion(of: service) == "v2")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func aHelmThatOutlivesItsAgentIsLetFinish(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      let agent = try await environment.startAgent()
      try await beginUpgrade(in: environment)
      await agent.kill()
      try await environment.startAgent()
      try await expectTheNewVersion(in: environment)
      #expect(try await environment.helmHistory().count == 2, "no second upgrade was made")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func aReleaseThatIsLeftPendingIsUpgradedAgain(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      let agent = try await environment.startAgent()
      try await beginUpgrade(in: environment)
      try await killWithHelm(agent)
      #expect(try await environment.helmHistory().last == "2 pending-upgrade wrktalk-1.1.0")
      try await environment.startAgent()
      try await expectTheNewVersion(in: environment)
    }
  }

  /// What it finds is what the test above leaves, so that one Helm will do.
  @Test(arguments: HelmEdition.offered.suffix(1))
  func theAgentThatStandsByTakesOverFromOneThatDied(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition, source: .cluster) { environment in
      let leader = try await environment.startAgent()
      try await leader.line(containing: "\"leading\"")
      let standby = try await environment.startAgent([
        "WRKTALK_AGENT_WORKING_DIR": environment.folder.file("second")
      ])
      try await standby.line(containing: "standing by")
      try await beginUpgrade(in: environment)
      #expect(!standby.output.contains { $0.contains("\"leading\"") })
      try await killWithHelm(leader)
      try await expectTheNewVersion(in: environment)
      #expect(standby.output.contains { $0.contains("\"leading\"") })
    }
  }

  /// As the end of a pod does it: the Agent and the helm that it runs are gone at once.
  private func killWithHelm(_ agent: RunningProgram) async throws {
    let children = try await CustomerEnvironment.command("pgrep", "-P", "\(agent.processIdentifier)")
      .split(separator: "\n").compactMap { Int32($0) }
    #expect(children.count == 1)
    await agent.kill()
    for child in children { #expect(kill(child, SIGKILL) == 0) }
    while children.contains(where: { kill($0, 0) == 0 }) { await Task.yield() }
  }
}
