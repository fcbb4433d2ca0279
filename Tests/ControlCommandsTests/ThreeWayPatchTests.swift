import Testing
import WireFormats

@testable import ControlCommands

@Suite struct ThreeWayPatchTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var lastApplied: JSONValue?
    var manifest: JSONValue
    var live: JSONValue
    var patch: JSONValue
  }

  static let cases = [
    Case(
      testDescription: "nothing differs", lastApplied: ["a": 1], manifest: ["a": 1], live: ["a": 1], patch: .object([:])
    ),
    Case(
      testDescription: "a changed field is set", lastApplied: ["a": 1], manifest: ["a": 2], live: ["a": 1],
      patch: ["a": 2]),
    Case(
      testDescription: "a field no longer declared is removed", lastApplied: ["a": 1, "b": 2], manifest: ["a": 1],
      live: ["a": 1, "b": 2], patch: ["b": nil]),
    Case(
      testDescription: "what is gone already is not removed again", lastApplied: ["a": 1, "b": 2], manifest: ["a": 1],
      live: ["a": 1], patch: .object([:])),
    Case(
      testDescription: "what others set stays", lastApplied: ["a": 1], manifest: ["a": 1], live: ["a": 1, "c": 3],
      patch: .object([:])),
    Case(
      testDescription: "defaults of the server stay", lastApplied: ["spec": ["a": 1]], manifest: ["spec": ["a": 2]],
      live: ["spec": ["a": 1, "interval": "1m"]], patch: ["spec": ["a": 2]]),
    Case(
      testDescription: "removal deep inside", lastApplied: ["spec": ["tags": ["x": "1", "y": "2"]]],
      manifest: ["spec": ["tags": ["x": "1"]]], live: ["spec": ["tags": ["x": "1", "y": "2"]]],
      patch: ["spec": ["tags": ["y": nil]]]),
    Case(
      testDescription: "a list is replaced whole", lastApplied: ["l": [1, 2]], manifest: ["l": [1]],
      live: ["l": [1, 2]],
      patch: ["l": [1]]),
    Case(
      testDescription: "without an earlier manifest nothing is removed", lastApplied: nil, manifest: ["a": 1],
      live: ["a": 1, "b": 2], patch: .object([:])),
    Case(
      testDescription: "a null declares absence", lastApplied: nil, manifest: ["a": nil, "b": nil], live: ["a": 1],
      patch: ["a": nil]),
  ]

  @Test(arguments: cases)
  func patches(example: Case) {
    let patch = ThreeWayPatch.patch(lastApplied: example.lastApplied, manifest: example.manifest, live: example.live)
    #expect(patch == example.patch)
  }

  @Test func theAnnotationRemembersTheManifestWithoutWhatServersWrite() throws {
    let manifest: JSONValue = [
      "kind": "X", "metadata": ["name": "a", "uid": "u", "resourceVersion": "7", "annotations": ["k": "v"]],
      "status": ["a": 1],
    ]
    let annotated = ThreeWayPatch.annotated(manifest)
    #expect(annotated["status"] == nil)
    #expect(annotated["metadata"]?["resourceVersion"] == "7")
    let remembered = try #require(ThreeWayPatch.lastApplied(of: annotated))
    #expect(remembered == ["kind": "X", "metadata": ["name": "a", "annotations": ["k": "v"]]])
  }

  @Test func applyingTheSameManifestTwiceChangesNothing() {
    let annotated = ThreeWayPatch.annotated(["kind": "X", "metadata": ["name": "a"], "spec": ["a": 1]])
    let patch = ThreeWayPatch.patch(
      lastApplied: ThreeWayPatch.lastApplied(of: annotated), manifest: annotated, live: annotated)
    #expect(patch == .object([:]))
  }
}
