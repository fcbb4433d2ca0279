import DeploymentKinds
import ResourceModel
import Synchronization
import Testing

@testable import DeploymentPlanning

/// Copies of settings are kept for the versions that can be returned to, and no longer: they hold secrets.
struct KeptConfigurationTests {
  @Test func whatNoRollbackCanNeedIsRemoved() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    world.set { $0.keptElsewhere = ["config/.env.v1.0.1"] }
    try await world.settle(for: .seconds(30))
    for patch in 1...(DesiredDeploymentStatus.historyLimit + 3) {
      world.apply { $0 = simulatedSpec("1.0.\(patch)") }
      try await world.settle(for: .seconds(30))
      #expect(world.object.status?.current?.version == "1.0.\(patch)")
      #expect(world.state.withLock { $0.forgotten }.isDisjoint(with: world.object.keptConfigurations))
    }
    // 1.0.1 is needed by another record.
    let removed: Set = ["config/.env.v1.0.0", "config/.env.v1.0.2", "config/.env.v1.0.3"]
    #expect(world.state.withLock { $0.forgotten } == removed)
  }

  @Test(arguments: [
    ("config/.env.v1.0.0", true), ("config/.env.v1.0.0.r12", true), (".env.v1.0.0", true), ("config/.env", false),
    ("config/.env.v2.0.0", false), ("config/values.yaml", false), ("config/.env.v1.0.0.bak", false),
  ])
  func onlyCopiesUnderTheVersionsNameCount(_ path: String, _ isCopy: Bool) {
    #expect(VersionedConfigPath.isCopy(path, version: "1.0.0") == isCopy)
  }
}
