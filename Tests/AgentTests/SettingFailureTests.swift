import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Synchronization
import Testing

/// New settings of a release that the Backend does not take (spec §8.4).
struct SettingFailureTests {
  @Test func error4_4ASettingThatCannotBeAddedHoldsNothingUp() async throws {
    var spec = simulatedSpec("1.0.0")
    spec.newNonEssentialEnvs = [.init(key: "NEW_FEATURE", value: "false")]
    let world = SimulatedWorld(spec)
    world.set { $0.refusesSettings = true }
    try await world.settle(for: .seconds(30))
    #expect(world.object.status?.current?.version == "1.0.0")
    let events = world.state.withLock { $0.events }.filter { $0.reason == "SettingNotAdded" }
    #expect(events.count == 1)
    #expect(events.first?.message.contains("NEW_FEATURE could not be added; add it in the Control Tower") == true)
  }
}
