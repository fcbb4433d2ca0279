import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// Status is output: the Agent plans from its own account of what it deployed.
struct AccountTests {
  private static let attackers = "attacker.example/evil/rootkit:1@sha256:\(String(repeating: "e", count: 64))"

  @Test func anImageInAForgedStatusIsNeverStarted() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(90))
    let honest = try #require(world.object.status)
    world.forge { status in
      status.current?.services?[0].image = Self.attackers
      status.current?.services?[0].imageID = "sha256:evil"
    }
    try await world.settle(for: .seconds(600))
    #expect(!world.state.withLock { $0.started }.contains(Self.attackers))
    #expect(world.object.status?.current == honest.current)
    #expect(world.object.status?.history == honest.history)
    let event = try #require(world.state.withLock { $0.events }.last { $0.reason == "StatusForged" })
    #expect(event.message.contains("current"))
    // Nothing was done about it but a look: no correction, no deployment.
    #expect(world.object.status?.corrections == nil)
    #expect(world.state.withLock { $0.events }.filter { $0.reason == "DriftDetected" } == [])
  }

  @Test func aForgedStatusIsNamedAlsoWhileSomethingElseIsPutRight() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(90))
    world.set { _ = $0.environment.removeLast() }
    world.forge { $0.current?.services?[1].image = Self.attackers }
    try await world.settle(for: .seconds(600))
    #expect(!world.state.withLock { $0.started }.contains(Self.attackers))
    #expect(world.state.withLock { $0.environment.count } == 2)
    #expect(world.state.withLock { $0.events }.contains { $0.reason == "StatusForged" })
  }

  @Test func aStatusThatIsOnlyOlderIsNotCalledForged() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(90))
    let older = world.object.status
    world.apply { $0 = simulatedSpec("2.0.0") }
    try await world.settle(for: .seconds(90))
    world.forge { $0 = older ?? $0 }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "2.0.0")
    #expect(!world.state.withLock { $0.events }.contains { $0.reason == "StatusForged" })
  }

  @Test func inSyncNothingIsWritten() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(90))
    let written = world.state.withLock { $0.writtenDocuments }
    #expect(written <= 3, "the target, the release and its first history")
    try await world.settle(for: .seconds(3600))
    #expect(world.state.withLock { $0.writtenDocuments } == written)
  }

  @Test func withoutAnAccountTheReleaseIsDerivedFromWhatTheVendorSigned() async throws {
    let world = try await SimulatedWorld.signed()
    world.set { $0.documents = $0.documents.filter { !$0.key.hasPrefix("ledger-") } }
    world.forge { $0.current?.services?[0].image = Self.attackers }
    let before = world.state.withLock { Set($0.environment) }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "1.0.0")
    #expect(world.object.status?.current?.services?.contains { $0.image == Self.attackers } == false)
    #expect(world.state.withLock { Set($0.environment) } == before)
    #expect(world.state.withLock { $0.events }.contains { $0.reason == "StatusNotBelieved" })
    #expect(!world.state.withLock { $0.started }.contains(Self.attackers))
  }

  @Test func whereNobodySignsTheStatusOfAFormerAgentIsTakenOverOnce() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(90))
    world.set { $0.documents = [:] }
    world.set { _ = $0.environment.removeLast() }
    let before = world.state.withLock { $0.events.count }
    try await world.settle(for: .seconds(90))
    let events = world.state.withLock { Array($0.events[before...]) }
    #expect(events.filter { $0.reason == "StatusAdopted" }.count == 1)
    #expect(events.contains { $0.reason == "DriftCorrected" })
    #expect(world.object.status?.current?.revision == 1)
    world.forge { $0.current?.services?[0].image = Self.attackers }
    try await world.settle(for: .seconds(90))
    #expect(!world.state.withLock { $0.started }.contains(Self.attackers))
  }

  @Test(arguments: ["", "{", "[]", #"{"record": 1}"#, "{\"root\": \"\"}"])
  func damagedMemoryOfTheRootStopsNewReleasesAndNotTheHealing(_ content: String) async throws {
    let world = try await SimulatedWorld.signed()
    let healthy = world.state.withLock { Set($0.environment) }
    let kept = world.state.withLock { $0.documents[AgentMemory.trustName] }
    world.set { state in
      state.documents[AgentMemory.trustName] = Array(content.utf8)
      _ = state.environment.removeLast()
    }
    try await world.settle(for: .seconds(600))
    #expect(world.state.withLock { Set($0.environment) } == healthy)
    let condition = try #require(world.object.status?.conditions?[DeploymentCondition.trusted])
    #expect(condition.reason == "TrustMemoryDamaged")
    #expect(condition.message.contains("trust.json"))
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.current?.version == "1.0.0")
    #expect(world.object.status?.conditions?[DeploymentCondition.ready]?.reason == "TrustMemoryDamaged")
    #expect(world.state.withLock { $0.documents[AgentMemory.trustName] } == Array(content.utf8), "never begun anew")
    world.set { $0.documents[AgentMemory.trustName] = kept }
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.current?.version == "2.0.0")
  }

  @Test func aDamagedAccountIsNamedAndNothingIsTouched() async throws {
    let world = try await SimulatedWorld.signed()
    world.set { state in
      for name in state.documents.keys where name.hasPrefix("ledger-") { state.documents[name] = Array("{".utf8) }
      _ = state.environment.removeLast()
    }
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.conditions?[DeploymentCondition.stalled]?.reason == "AccountDamaged")
    #expect(world.state.withLock { $0.environment.count } == 1)
    #expect(
      world.state.withLock { $0.documents.contains { $0.key.hasPrefix("ledger-") && $0.value == Array("{".utf8) } })
  }

  @Test func whatCannotBeKeptIsNotDone() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    world.set { $0.isDiskFull = true }
    try await world.settle(for: .seconds(90))
    #expect(world.state.withLock { $0.started } == [])
    #expect(world.object.status?.conditions?[DeploymentCondition.ready]?.reason == "DiskFull")
    world.set { $0.isDiskFull = false }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "1.0.0")
    #expect(world.object.status?.attempts == 1)
  }

  @Test func theAccountGoesWithItsRecord() async throws {
    var spec = simulatedSpec("1.0.0")
    spec.deletionPolicy = .uninstall
    let world = SimulatedWorld(spec)
    try await world.settle(for: .seconds(90))
    #expect(world.state.withLock { $0.documents.count } == 1)
    world.recreate(simulatedSpec("2.0.0"))
    try await world.settle(for: .seconds(90))
    #expect(world.state.withLock { $0.documents.count } == 1)
    #expect(world.object.status?.history?.count == 1)
  }
}
