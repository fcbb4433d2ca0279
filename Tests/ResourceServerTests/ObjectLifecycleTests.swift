import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import ResourceServer

@Suite struct ObjectLifecycleTests {
  let lifecycle = ObjectLifecycle(definition: DesiredDeploymentKind.definition)
  let key = ObjectKey(namespace: "wrktalk", name: "wrktalk")
  let now = Timestamp(microseconds: 1_800_000_000_500_000)

  private func created(_ object: JSONValue = HTTPTestServer.deployment("wrktalk")) throws -> JSONValue {
    let outcome = try lifecycle.create(
      object,
      in: ObjectLifecycle.CreationContext(
        namespace: "wrktalk", uid: "u1", now: now, generatedName: { "\($0)abcde" }), unknownFields: .strict)
    guard case .create(var stored) = outcome.step else { return .null }
    stored["metadata"]?["resourceVersion"] = "7"
    return stored
  }

  private func update(
    _ old: JSONValue, isStatus: Bool = false, mustNameVersion: Bool = false, _ change: (inout JSONValue) -> Void
  ) throws -> ObjectLifecycle.Outcome.Step {
    var wanted = old
    change(&wanted)
    return isStatus
      ? try lifecycle.updateStatus(
        old, to: wanted, named: key, mustNameVersion: mustNameVersion, unknownFields: .strict
      ).step
      : try lifecycle.update(old, to: wanted, named: key, mustNameVersion: mustNameVersion, unknownFields: .strict).step
  }

  @Test func creationSetsWhatOnlyTheServerKnowsAndFillsInDefaults() throws {
    var object = HTTPTestServer.deployment("wrktalk")
    object["metadata"]?["uid"] = "mine"
    object["metadata"]?["generation"] = 9
    object["metadata"]?["creationTimestamp"] = .null
    object["metadata"]?["managedFields"] = [["manager": "kubectl"]]
    object["status"] = ["observedGeneration": 3]
    let stored = try created(object)
    #expect(
      stored["metadata"] == [
        "name": "wrktalk", "namespace": "wrktalk", "uid": "u1", "generation": 1,
        "creationTimestamp": "2027-01-15T08:00:00Z", "resourceVersion": "7",
      ])
    #expect(stored["spec"]?["failurePolicy"] == "RollBack")
    #expect(stored["status"] == nil)
  }

  /// As one that was stored before its kind had that field.
  @Test func aDefaultThatAnOlderObjectDoesNotHaveIsNoChangeOfItsSpec() throws {
    var old = try created()
    old["spec"]?["failurePolicy"] = nil
    guard case .update(let labelled) = try update(old, { $0["metadata"]?["labels"] = ["tier": "gold"] }) else {
      Issue.record("the label was not set")
      return
    }
    #expect(labelled["metadata"]?["generation"] == 1)
    #expect(labelled["spec"]?["failurePolicy"] == "RollBack")
    guard case .update(let held) = try update(old, { $0["spec"]?["failurePolicy"] = "Hold" }) else {
      Issue.record("the policy was not set")
      return
    }
    #expect(held["metadata"]?["generation"] == 2)
  }

  @Test func aNameIsMadeFromItsPrefix() throws {
    var object = HTTPTestServer.deployment("")
    object["metadata"] = ["generateName": "site-"]
    #expect(try created(object)["metadata"]?["name"] == "site-abcde")
  }

  @Test(
    arguments: [
      ("metadata", ["name": "wrktalk", "resourceVersion": "1"], "should not be set"),
      ("metadata", ["name": "wrktalk", "namespace": "other"], "does not match the namespace"),
      ("metadata", ["name": "Wrk Talk"], "metadata.name"),
      ("metadata", [:], "metadata.name: Required value"),
      ("metadata", ["name": 5], "metadata.name"),
      ("metadata", ["name": "wrktalk", "labels": ["a": 1]], "metadata.labels"),
      ("metadata", ["name": "wrktalk", "nmae": "x"], "unknown field \"metadata.nmae\""),
      ("kind", "Other", "does not match the expected kind"),
      ("apiVersion", "v2", "does not match the expected API version"),
      ("spec", ["runtime": "Compose"], "spec.version: Required value"),
      ("spec", "text", "spec"),
    ] as [(String, JSONValue, String)])
  func creationRefusesWhatIsWrongAndNamesIt(member: String, value: JSONValue, expected: String) throws {
    var object = HTTPTestServer.deployment("wrktalk")
    object[member] = value
    let error = #expect(throws: StatusError.self) { try created(object) }
    #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
  }

  @Test func generationCountsChangesOfTheSpecOnly() throws {
    let old = try created()
    func generation(_ step: ObjectLifecycle.Outcome.Step) -> Int64? {
      guard case .update(let object) = step else { return nil }
      return object["metadata"]?["generation"]?.integer
    }
    #expect(generation(try update(old) { $0["spec"]?["suspend"] = true }) == 2)
    #expect(generation(try update(old) { $0["metadata"]?["labels"] = ["a": "b"] }) == 1)
    #expect(generation(try update(old, isStatus: true) { $0["status"] = ["observedGeneration": 1] }) == 1)
  }

  @Test func aWriteThatChangesNothingIsNoWrite() throws {
    let old = try created()
    #expect(try update(old) { _ in } == .nothing)
    // Neither do defaults that are left out, nulls and empty maps change anything.
    #expect(
      try update(old) {
        $0["spec"]?["failurePolicy"] = nil
        $0["spec"]?["schedule"] = .null
        $0["metadata"]?["labels"] = [:]
      } == .nothing)
    #expect(try update(old) { $0["status"] = ["observedGeneration": 4] } == .nothing)
    #expect(try update(old, isStatus: true) { $0["spec"]?["suspend"] = true } == .nothing)
  }

  @Test func whatOnlyTheServerSetsCannotBeChanged() throws {
    let old = try created()
    for member in ["generation", "creationTimestamp", "deletionTimestamp"] {
      let value: JSONValue = member == "generation" ? 99 : "2020-01-01T00:00:00Z"
      #expect(try update(old) { $0["metadata"]?[member] = value } == .nothing, "\(member)")
    }
    #expect(throws: StatusError.self) { try update(old) { $0["metadata"]?["uid"] = "other" } }
    #expect(throws: StatusError.self) { try update(old) { $0["metadata"]?["name"] = "other" } }
    #expect(throws: StatusError.self) { try update(old) { $0["metadata"]?["namespace"] = "other" } }
  }

  @Test func anOldVersionIsAConflict() throws {
    let old = try created()
    let error = #expect(throws: StatusError.self) {
      try update(old) { $0["metadata"]?["resourceVersion"] = "6" }
    }
    #expect(error?.reason == .conflict)
  }

  @Test func aReplacementMustNameTheVersionItReplaces() throws {
    let old = try created()
    let error = #expect(throws: StatusError.self) {
      try update(old, mustNameVersion: true) { $0["metadata"]?["resourceVersion"] = nil }
    }
    #expect(error?.reason == .invalid)
    #expect(error?.causes.first?.field == "metadata.resourceVersion")
  }

  @Test func finalizersHoldAnObjectUntilTheLastIsRemoved() throws {
    var object = HTTPTestServer.deployment("wrktalk")
    object["metadata"]?["finalizers"] = ["example.com/one", "example.com/two"]
    let old = try created(object)
    guard case .update(let marked) = try lifecycle.delete(old, preconditions: DeletePreconditions(), now: now).step
    else {
      Issue.record("not marked")
      return
    }
    #expect(marked["metadata"]?["deletionTimestamp"] == "2027-01-15T08:00:00Z")
    #expect(try lifecycle.delete(marked, preconditions: DeletePreconditions(), now: now).step == .nothing)
    let added = #expect(throws: StatusError.self) {
      try update(marked) {
        $0["metadata"]?["finalizers"] = ["example.com/one", "example.com/two", "example.com/three"]
      }
    }
    #expect(added?.message.contains("example.com/three") == true)
    guard case .update(let held) = try update(marked, { $0["metadata"]?["finalizers"] = ["example.com/two"] }) else {
      Issue.record("not held")
      return
    }
    var freed = held
    freed["metadata"]?["finalizers"] = nil
    #expect(try update(held) { $0["metadata"]?["finalizers"] = nil } == .remove(freed))
  }

  @Test func withoutFinalizersDeletionRemovesAtOnce() throws {
    let old = try created()
    #expect(try lifecycle.delete(old, preconditions: DeletePreconditions(), now: now).step == .remove(old))
  }

  @Test(arguments: [
    (DeletePreconditions(uid: "u1"), true), (DeletePreconditions(uid: "u2"), false),
    (DeletePreconditions(resourceVersion: "7"), true), (DeletePreconditions(resourceVersion: "6"), false),
  ])
  func deletionKeepsToItsPreconditions(preconditions: DeletePreconditions, isAllowed: Bool) throws {
    let old = try created()
    let step = try? lifecycle.delete(old, preconditions: preconditions, now: now).step
    #expect(step == (isAllowed ? .remove(old) : nil))
  }

  @Test(arguments: [
    (UnknownFieldPolicy.ignore, [String]()),
    (.warn, ["unknown field \"spec.runtim\"; did you mean \"runtime\"?"]),
  ])
  func unknownFieldsAreDroppedOrWarnedOf(policy: UnknownFieldPolicy, warnings: [String]) throws {
    let old = try created()
    var wanted = old
    wanted["spec"]?["runtime"] = "Compose"
    wanted["spec"]?["runtim"] = "Helm"
    let outcome = try lifecycle.update(
      old, to: wanted, named: key, mustNameVersion: false, unknownFields: policy)
    #expect(outcome.step == .nothing)
    #expect(outcome.warnings.count == warnings.count)
  }

  @Test func strictRefusesUnknownFields() throws {
    let error = #expect(throws: StatusError.self) { try update(try created()) { $0["spec"]?["nope"] = 1 } }
    #expect(error?.reason == .badRequest)
    #expect(error?.causes.first?.reason == .unknown)
  }
}
