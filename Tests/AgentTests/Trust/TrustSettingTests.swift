import DeploymentKinds
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// At its start the Agent demands to know whom it is to believe, and afterwards no variable changes that.
struct TrustSettingTests {
  private let now = Timestamp(seconds: 1_797_300_000)

  private func store(_ kept: String? = nil) async throws -> SimulatedStore {
    let store = SimulatedStore(world: SimulatedWorld(simulatedSpec("1.0.0")))
    if let kept { try await given(kept).establish(in: store) }
    return store
  }

  private func given(_ text: String) -> TrustSetting { .root(text: text, variable: "WRKTALK_AGENT_TRUST_ROOT_FILE") }

  private func version(_ store: SimulatedStore) async throws -> Int64? {
    try TrustDocument.read(try await store.load()[AgentMemory.trustName])?.1.version
  }

  @Test func oneOfTheTwoIsDemanded() async throws {
    let store = try await store()
    let refusal = await #expect(throws: TrustSettingError.self) { try await TrustSetting.kept.establish(in: store) }
    #expect(refusal?.description.contains("WRKTALK_AGENT_TRUST_ROOT_FILE: is not set") == true)
    #expect(refusal?.description.contains("WRKTALK_AGENT_ALLOW_UNSIGNED=1") == true)
    try await TrustSetting.unsigned.establish(in: store)
    #expect(try await version(store) == nil)
  }

  @Test func theFirstRootIsTakenInAndThenCountsWithoutTheVariable() async throws {
    let vendor = ReleaseSigner(now: now)
    let store = try await store(vendor.rootText)
    try await TrustSetting.kept.establish(in: store)
    try await given(vendor.rootText).establish(in: store)
    #expect(try await version(store) == 1)
  }

  @Test func theVariableMayConfirmAndFollowButNotReplace() async throws {
    var vendor = ReleaseSigner(now: now)
    let first = vendor.rootText
    let store = try await store(first)
    let second = vendor.rotate { $0.minimumSequence = 3 }
    try await given(second).establish(in: store)
    #expect(try await version(store) == 2)
    // One of those before confirms, and does not bring it back.
    try await given(first).establish(in: store)
    #expect(try await version(store) == 2)
    for text in [ReleaseSigner(now: now).rootText, "{}"] {
      let refusal = await #expect(throws: TrustSettingError.self) { try await given(text).establish(in: store) }
      #expect(refusal?.description.contains("nothing") == true, "names how it is reset on purpose")
    }
    let unsigned = await #expect(throws: TrustSettingError.self) {
      try await TrustSetting.unsigned.establish(in: store)
    }
    #expect(unsigned?.description.contains("version 2 of the trust root of wrktalk is kept") == true)
    #expect(try await version(store) == 2)
  }

  @Test func aFirstRootThatItsOwnKeysDidNotSignIsRefused() async throws {
    var vendor = ReleaseSigner(now: now)
    vendor.rootKey = ReleaseSigner(now: now).rootKey
    let store = try await store()
    let text = vendor.rotate { _ in }
    let refusal = await #expect(throws: TrustSettingError.self) { try await given(text).establish(in: store) }
    #expect(refusal?.description.hasPrefix("WRKTALK_AGENT_TRUST_ROOT_FILE: ") == true)
    #expect(try await version(store) == nil)
  }

  @Test func damagedMemoryIsNotBegunAnew() async throws {
    let vendor = ReleaseSigner(now: now)
    let store = try await store(vendor.rootText)
    store.world.set { $0.documents[AgentMemory.trustName] = Array("{".utf8) }
    try await given(vendor.rootText).establish(in: store)
    #expect(try await store.load()[AgentMemory.trustName] == Array("{".utf8))
    await #expect(throws: TrustSettingError.self) { try await TrustSetting.unsigned.establish(in: store) }
  }
}
