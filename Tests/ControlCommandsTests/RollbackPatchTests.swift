import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct RollbackPatchTests {
  private let object = Samples.deployment

  @Test(arguments: [
    (RollbackPatch.Target.previous, "1.0.0"), (.revision(1), "1.0.0"), (.revision(2), "2.0.0"),
    (.version("2.0.0"), "2.0.0"),
  ])
  func theAttemptIsFound(target: RollbackPatch.Target, version: String) throws {
    var object = object
    object.spec.version = "2.0.0"
    #expect(try RollbackPatch.entry(target, of: object).release.version == version)
  }

  @Test(arguments: [RollbackPatch.Target.revision(9), .version("3.0.0")])
  func whatNeverRanWellIsNoTarget(target: RollbackPatch.Target) {
    #expect { try RollbackPatch.entry(target, of: object) } throws: {
      ($0 as? CommandFailure)?.hint == "There are the revisions 2 (2.0.0), 1 (1.0.0)."
    }
  }

  @Test func theReleaseIsPutBackWhole() throws {
    let entry = try RollbackPatch.entry(.version("1.0.0"), of: object)
    let patched = try JSONValue(encoding: object).mergePatched(with: RollbackPatch.patch(to: entry, of: object))
    let spec: DesiredDeploymentSpec = try #require(patched["spec"]).decoded()
    #expect(spec.version == "1.0.0")
    #expect(spec.artifact == entry.release.artifact)
    #expect(spec.imageTags == ["backend": "v1"])
    #expect(spec.compose?.envPath == "config/.env.v1.0.0")
    #expect(spec.compose?.projectName == "shop")
    #expect(spec.schedule == nil)
    #expect(spec.newNonEssentialEnvs == nil)
    #expect(patched["metadata"]?["resourceVersion"] == "42")
  }

  /// An older release from outside would be refused; what its Agent has kept is not.
  @Test func aSignedReleaseIsReturnedToByItsRevision() throws {
    var object = object
    object.spec.manifest = "{}"
    for index in (object.status?.history ?? []).indices {
      object.status?.history?[index].release.releaseManifestSha256 = String(repeating: "a", count: 64)
    }
    let entry = try RollbackPatch.entry(.version("1.0.0"), of: object)
    let patched = try JSONValue(encoding: object).mergePatched(with: RollbackPatch.patch(to: entry, of: object))
    let spec: DesiredDeploymentSpec = try #require(patched["spec"]).decoded()
    #expect(spec.rollbackTo?.revision == entry.revision)
    #expect(spec.version == nil && spec.artifact == nil && spec.manifest == nil && spec.imageTags == nil)
    #expect(spec.schedule == nil && spec.newNonEssentialEnvs == nil && spec.compose?.projectName == "shop")
  }
}

/// What `apply` makes of a rollback that stands in the object.
@Suite struct StandingRollbackTests {
  private static func manifest(_ version: String, _ more: JSONValue = .object([:])) -> JSONValue {
    var spec: JSONValue = ["version": .string(version), "artifact": ["path": .string("a-\(version)")]]
    for (key, value) in more.object ?? [:] { spec[key] = value }
    return ["kind": "DesiredDeployment", "spec": spec]
  }

  private static let rolledBack: JSONValue = ["kind": "DesiredDeployment", "spec": ["rollbackTo": ["revision": 3]]]

  @Test func aNewReleaseEndsIt() {
    for lastApplied in [Self.manifest("2.0.0"), nil] {
      #expect(
        RollbackPatch.standing(lastApplied: lastApplied, manifest: Self.manifest("2.1.0"), live: Self.rolledBack)
          == .ended)
    }
  }

  @Test func theReleaseThatWasRolledBackDoesNotReturnInPassing() {
    #expect(
      RollbackPatch.standing(
        lastApplied: Self.manifest("2.0.0"), manifest: Self.manifest("2.0.0", ["interval": "5m"]),
        live: Self.rolledBack) == .newerThanManifest(revision: 3))
  }

  @Test func whatTheManifestSaysOfItCounts() {
    for rollbackTo: JSONValue in [nil, ["revision": 2]] {
      #expect(
        RollbackPatch.standing(
          lastApplied: Self.manifest("2.0.0"), manifest: Self.manifest("2.0.0", ["rollbackTo": rollbackTo]),
          live: Self.rolledBack) == .none)
    }
    #expect(
      RollbackPatch.standing(
        lastApplied: nil, manifest: Self.manifest("2.0.0"), live: Self.manifest("1.0.0")) == .none)
  }
}
