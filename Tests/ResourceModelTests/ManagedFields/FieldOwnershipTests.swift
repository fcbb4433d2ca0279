import Testing
import WireFormats

@testable import ResourceModel

@Suite struct FieldOwnershipTests {
  private let ownership = FieldOwnership(Sample.definition)

  private func created(_ spec: JSONValue, by manager: String = "console") -> SampleObject {
    var sample = SampleObject()
    sample.write(by: manager) { $0["spec"] = spec }
    return sample
  }

  @Test func whoCreatesAnObjectOwnsAllOfIt() throws {
    let sample = created(["version": "1", "tags": ["a": "1"]])
    #expect(
      try sample.managers
        == ["console Update": [".spec.tags", ".spec.tags.a", ".spec.version"]]
        .mapValues { [".spec"] + $0 })
    #expect(sample.object?["metadata"]?["managedFields"]?.array?.first?["time"] == "2027-01-15T08:00:00Z")
  }

  @Test func whoChangesAFieldTakesItOver() throws {
    var sample = created(["version": "1", "suspend": true])
    sample.write(by: "kubectl-edit") { $0["spec"]?["version"] = "2" }
    #expect(
      try sample.managers == ["console Update": [".spec", ".spec.suspend"], "kubectl-edit Update": [".spec.version"]])
    sample.write(by: "kubectl-edit") { $0["spec"]?["suspend"] = nil }
    #expect(try sample.managers == ["console Update": [".spec"], "kubectl-edit Update": [".spec.version"]])
    sample.write(by: "console") { $0["spec"]?["version"] = "3" }
    #expect(try sample.managers == ["console Update": [".spec", ".spec.version"]])
  }

  @Test func anEqualValueTakesNothingOver() throws {
    var sample = created(["version": "1"])
    let before = sample.object
    sample.now = Sample.later
    sample.write(by: "other") { _ in }
    #expect(sample.object == before)
  }

  /// As Kubernetes has it: objects that nobody applies to cost nothing.
  @Test func anObjectWithoutManagersHasNoneUntilItIsAppliedTo() throws {
    var sample = SampleObject(Sample.object(["version": "1"]))
    sample.write(by: "console") { $0["spec"]?["version"] = "2" }
    #expect(sample.object?["metadata"]?["managedFields"] == nil)

    var definition = Sample.definition
    definition.tracksManagers = false
    let object = Sample.object(["version": "1"])
    #expect(FieldOwnership(definition).created(object, by: "console", at: Sample.now) == nil)
  }

  @Test(
    arguments: [
      // Not to lose them where a client does not know them.
      (nil, ["console Update"]), (.null, ["console Update"]), ([], ["console Update"]),
      // Not understood, and so without effect.
      ([["manager": "m"]], ["console Update"]),
      (
        [
          [
            "manager": "m", "operation": "Apply", "apiVersion": "example.com/v1", "fieldsType": "FieldsV1",
            "fieldsV1": 1,
          ]
        ],
        ["console Update"]
      ),
      // One empty entry clears.
      ([[:]], []),
      (
        [
          [
            "manager": "m", "operation": "Apply", "apiVersion": "example.com/v1", "fieldsType": "FieldsV1",
            "fieldsV1": ["f:spec": ["f:version": [:]]],
          ]
        ], ["m Apply"]
      ),
    ] as [(JSONValue?, [String])])
  func aRequestMaySayWhoManagesWhat(requested: JSONValue?, managers: [String]) throws {
    let old = try #require(created(["version": "1"]).object)
    var new = old
    let kept = ownership.updated(from: old, to: new, requested: requested, by: "x", at: Sample.later)
    new["metadata"]?["managedFields"] = kept
    #expect(try Sample.managers(of: new).keys.sorted() == managers)
    // And what it changes besides is its own.
    new["spec"]?["suspend"] = true
    let changed = ownership.updated(from: old, to: new, requested: requested, by: "x", at: Sample.later)
    new["metadata"]?["managedFields"] = changed
    #expect(try Sample.managers(of: new).keys.sorted() == (managers.isEmpty ? [] : (managers + ["x Update"]).sorted()))
  }

  // MARK: From client-side apply

  private static func annotated(_ spec: JSONValue) -> JSONValue {
    var object = Sample.object(spec)
    object["metadata"]?["annotations"] = [
      .init(ClientSideApply.annotation): .string(Sample.object(spec).text + "\n")
    ]
    return object
  }

  private func appliedByClient(_ spec: JSONValue) -> SampleObject {
    var sample = SampleObject()
    sample.write(by: "kubectl-client-side-apply") { $0 = Self.annotated(spec) }
    return sample
  }

  @Test func whatTheSameClientAppliedOnItsSideIsNoConflict() throws {
    var sample = appliedByClient(["version": "1", "suspend": true])
    #expect(sample.conflicts(applying: ["version": "2"], by: "other").count == 1)
    try sample.apply(["version": "2", "suspend": true])
    #expect(sample.spec == ["version": "2", "suspend": true])
    #expect(try sample.managers["kubectl Apply"] == [".spec.suspend", ".spec.version"])
  }

  @Test func whatSomebodyElseChangedSinceIsAConflict() throws {
    var sample = appliedByClient(["version": "1", "suspend": true])
    sample.write(by: "console") { $0["spec"]?["suspend"] = false }
    #expect(
      sample.conflicts(applying: ["version": "2", "suspend": true])
        == [#".spec.suspend: conflict with "console" using example.com/v1"#])
  }

  @Test func itsFieldsAreHandedOver() throws {
    var sample = appliedByClient(["version": "1", "suspend": true])
    sample.write(by: "kubectl-edit") { $0["spec"]?["tags"] = ["a": "1"] }
    sample.object?["metadata"]?["resourceVersion"] = "7"
    try sample.apply(["version": "1"])
    let live = try #require(sample.object)
    // The annotation has a manager that applies it, so that it stays.
    let annotation = try #require(ClientSideApply.annotationAlone(of: live))
    sample.object = try ownership.applied(
      annotation, to: live, by: "kubectl-last-applied", at: Sample.now, isForced: false)
    #expect(sample.object.flatMap(ClientSideApply.annotationAlone(of:)) == nil)
    let patch = try #require(sample.object.flatMap { ClientSideApply.handOver(of: $0, to: "kubectl") })
    #expect(patch.map { $0["path"] } == ["/metadata/managedFields", "/metadata/resourceVersion"])
    sample.object = try JSONPatch(.array(patch)).applied(to: sample.object ?? .null)
    #expect(
      try sample.managers.keys.sorted() == ["kubectl Apply", "kubectl-edit Update", "kubectl-last-applied Apply"])
    #expect(sample.object.flatMap { ClientSideApply.handOver(of: $0, to: "kubectl") } == nil)
    try sample.apply(["version": "1"])
    #expect(sample.spec == ["version": "1", "tags": ["a": "1"]], "what is not applied any more is gone")
    #expect(sample.object?["metadata"]?["annotations"]?[ClientSideApply.annotation] != nil)
  }

  @Test func theAnnotationFollowsSoThatClientSideApplyGoesOnFromThere() throws {
    var sample = appliedByClient(["version": "1"])
    let configuration = Sample.object(["version": "2"])
    try sample.apply(["version": "2"])
    #expect(
      sample.object?["metadata"]?["annotations"]?[ClientSideApply.annotation]?.string
        == configuration.text + "\n")
    let annotation = sample.object?["metadata"]?["annotations"]
    try sample.apply(["version": "2"], by: "other")
    #expect(sample.object?["metadata"]?["annotations"] == annotation)
  }
}
