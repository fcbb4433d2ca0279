import Testing
import WireFormats

@testable import ResourceModel

/// Stories of managers that share an object, as they go on a Kubernetes cluster.
@Suite struct ServerSideApplyTests {
  @Test func applyMakesAnObjectOfWhichItsManagerOwnsWhatItSays() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1", "tags": ["a": "1"]], labels: ["tier": "gold"])
    #expect(sample.object?["metadata"]?["name"] == "one")
    #expect(sample.object?["kind"] == "Sample")
    #expect(try sample.managers == ["kubectl Apply": [".metadata.labels.tier", ".spec.tags.a", ".spec.version"]])
    #expect(
      sample.object?["metadata"]?["managedFields"] == [
        [
          "manager": "kubectl", "operation": "Apply", "apiVersion": "example.com/v1", "time": "2027-01-15T08:00:00Z",
          "fieldsType": "FieldsV1",
          "fieldsV1": [
            "f:metadata": ["f:labels": ["f:tier": [:]]], "f:spec": ["f:tags": ["f:a": [:]], "f:version": [:]],
          ],
        ]
      ])
  }

  @Test func whatIsAppliedAgainChangesNothing() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1"])
    let before = sample.object
    sample.now = Sample.later
    try sample.apply(["version": "1"])
    #expect(sample.object == before)
  }

  @Test func whatIsNotAppliedAnyMoreIsRemoved() throws {
    var sample = SampleObject()
    try sample.apply(
      [
        "version": "1", "suspend": true, "tags": ["a": "1", "b": "2"], "paths": ["x"], "zones": ["p", "q"],
        "settings": [["key": "s", "value": "1"], ["key": "t"]], "artifact": ["path": "p"],
      ], labels: ["tier": "gold"])
    sample.now = Sample.later
    try sample.apply(["version": "1", "tags": ["b": "2"], "zones": ["q"], "settings": [["key": "s"]]])
    #expect(
      sample.spec == ["version": "1", "tags": ["b": "2"], "zones": ["q"], "settings": [["key": "s"]]])
    #expect(sample.object?["metadata"]?["labels"] == nil)
    #expect(sample.object?["metadata"]?["name"] == "one")
    #expect(sample.object?["metadata"]?["managedFields"]?.array?.first?["time"] == "2027-01-15T08:01:00Z")
  }

  @Test func anotherValueOfAnothersFieldIsAConflict() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1", "suspend": false], by: "vendor")
    #expect(
      sample.conflicts(applying: ["version": "2", "suspend": false], by: "kubectl")
        == [#".spec.version: conflict with "vendor""#])
    sample.write(by: "console") { $0["spec"]?["version"] = "3" }
    #expect(
      sample.conflicts(applying: ["version": "1", "suspend": false], by: "vendor")
        == [#".spec.version: conflict with "console" using example.com/v1"#])
  }

  @Test func forceTakesTheFieldOver() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1", "suspend": false], by: "vendor")
    try sample.apply(["version": "2"], by: "kubectl", force: true)
    #expect(sample.spec == ["version": "2", "suspend": false])
    #expect(try sample.managers == ["vendor Apply": [".spec.suspend"], "kubectl Apply": [".spec.version"]])
  }

  @Test func equalValuesAreShared() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1"], by: "vendor")
    sample.now = Sample.later
    try sample.apply(["version": "1"], by: "kubectl")
    #expect(try sample.managers == ["vendor Apply": [".spec.version"], "kubectl Apply": [".spec.version"]])
    let times = sample.object?["metadata"]?["managedFields"]?.array?.map { $0["time"]?.string }
    #expect(times == ["2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"])
    #expect(sample.conflicts(applying: ["version": "2"], by: "kubectl") == [#".spec.version: conflict with "vendor""#])
    // Whoever gives it up does not remove it from the other.
    try sample.apply(["suspend": true], by: "kubectl")
    #expect(sample.spec == ["version": "1", "suspend": true])
    try sample.apply([:], by: "vendor")
    #expect(sample.spec == ["suspend": true])
  }

  @Test func aFieldThatSomebodyChangedIsNotRemovedByWhomItWasOnce() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1", "suspend": false], by: "vendor")
    sample.write(by: "console") { $0["spec"]?["suspend"] = true }
    #expect(try sample.managers == ["vendor Apply": [".spec.version"], "console Update": [".spec.suspend"]])
    try sample.apply(["version": "1"], by: "vendor")
    #expect(sample.spec == ["version": "1", "suspend": true])
  }

  @Test func elementsOfListsBelongToWhoApplied() throws {
    var sample = SampleObject()
    try sample.apply(["settings": [["key": "a", "value": "1"]], "zones": ["p"]], by: "vendor")
    try sample.apply(["settings": [["key": "b", "value": "2"]], "zones": ["q"]], by: "customer")
    #expect(
      sample.spec == [
        "settings": [["key": "a", "value": "1"], ["key": "b", "value": "2"]], "zones": ["p", "q"],
      ])
    #expect(
      sample.conflicts(applying: ["settings": [["key": "a", "value": "2"]]], by: "customer")
        == [#".spec.settings[key="a"].value: conflict with "vendor""#])
    try sample.apply(["zones": ["p"]], by: "vendor")
    #expect(sample.spec == ["settings": [["key": "b", "value": "2"]], "zones": ["p", "q"]])
  }

  @Test func aValueInAnElementGoesWithTheElement() throws {
    var sample = SampleObject()
    try sample.apply(["settings": [["key": "a"]]], by: "vendor")
    sample.write(by: "console") { $0["spec"]?["settings"] = [["key": "a", "value": "7"]] }
    #expect(try sample.managers["console Update"] == [#".spec.settings[key="a"].value"#])
    try sample.apply(["version": "1"], by: "vendor")
    #expect(sample.spec["settings"]?.array?.isEmpty != false)
  }

  @Test func aListWithoutKeysIsOneValue() throws {
    var sample = SampleObject()
    try sample.apply(["paths": ["a"]], by: "vendor")
    #expect(
      sample.conflicts(applying: ["paths": ["a", "b"]], by: "customer") == [#".spec.paths: conflict with "vendor""#])
    #expect(sample.conflicts(applying: ["schedule": ["from": "1"]], by: "customer") == [])
  }

  /// What it holds besides, such as defaults, would be left without what it belongs to.
  @Test func anObjectGoesWithAllThatIsInItWhereNobodyElseOwnsAnyOfIt() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1", "artifact": ["path": "p"]], by: "vendor")
    sample.object?["spec"]?["artifact"]?["digest"] = "a default"
    var shared = sample
    try sample.apply(["version": "1"], by: "vendor")
    #expect(sample.spec == ["version": "1"])

    shared.write(by: "console") { $0["spec"]?["artifact"]?["digest"] = "of the console" }
    try shared.apply(["version": "1"], by: "vendor")
    #expect(shared.spec == ["version": "1", "artifact": ["digest": "of the console"]])
  }

  @Test func whatWasThereBeforeTheFirstApplyHasAManagerOfItsOwn() throws {
    var sample = SampleObject(Sample.object(["version": "1", "suspend": true], labels: ["tier": "gold"]))
    #expect(
      sample.conflicts(applying: ["version": "2"])
        == [#".spec.version: conflict with "before-first-apply" using example.com/v1"#])
    try sample.apply(["version": "1"])
    #expect(
      try sample.managers == [
        "before-first-apply Update": [
          ".metadata.labels", ".metadata.labels.tier", ".spec", ".spec.suspend", ".spec.version",
        ],
        "kubectl Apply": [".spec.version"],
      ])
  }

  @Test func aNullIsAValueOfItsOwn() throws {
    var sample = SampleObject()
    try sample.apply(["version": "1"], by: "vendor")
    #expect(sample.conflicts(applying: ["version": .null]) == [#".spec.version: conflict with "vendor""#])
  }

  @Test func theStatusHasManagersOfItsOwn() throws {
    let live = Sample.object(["version": "1"], status: ["phase": "Old"])
    var configuration = Sample.object(
      ["version": "ignored"], labels: ["ignored": "too"],
      status: ["conditions": [["type": "Ready", "status": "True"]]])
    let ownership = FieldOwnership(Sample.definition, isStatus: true)
    var result = try ownership.applied(configuration, to: live, by: "agent", at: Sample.now, isForced: false)
    #expect(result["spec"] == ["version": "1"])
    #expect(result["metadata"]?["labels"] == nil)
    #expect(result["status"] == ["phase": "Old", "conditions": [["type": "Ready", "status": "True"]]])
    #expect(
      try Sample.managers(of: result) == [
        "agent Apply status": [
          #".status.conditions[type="Ready"]"#, #".status.conditions[type="Ready"].status"#,
          #".status.conditions[type="Ready"].type"#,
        ],
        // The spec, too, is not overwritten unnoticed by whoever applies to it first.
        "before-first-apply Update": [".spec", ".spec.version"],
        "before-first-apply Update status": [".status", ".status.phase"],
      ])
    configuration["status"] = [:]
    result = try ownership.applied(configuration, to: result, by: "agent", at: Sample.now, isForced: false)
    #expect(result["status"] == ["phase": "Old"])
  }

  @Test func conflictsAreWordedAsKubernetesWordsThem() throws {
    let set = try FieldSet(fieldsV1: ["f:spec": ["f:version": [:]]])
    let two = try FieldSet(fieldsV1: ["f:spec": ["f:suspend": [:], "f:version": [:]]])
    func error(_ fields: [FieldManager: FieldSet]) -> StatusError {
      ApplyConflicts(fields: fields, apiVersion: "example.com/v1").statusError
    }
    let one = error([FieldManager("kubectl", .update): set])
    #expect(
      one.message == #"Apply failed with 1 conflict: conflict with "kubectl" using example.com/v1: .spec.version"#)
    #expect(one.httpStatus == 409)
    #expect(
      one.json["details"] == [
        "causes": [
          [
            "reason": "FieldManagerConflict", "message": #"conflict with "kubectl" using example.com/v1"#,
            "field": ".spec.version",
          ]
        ]
      ])
    let several = error([
      FieldManager("vendor", .apply): two, FieldManager("agent", .update, subresource: "status"): set,
    ])
    #expect(
      several.message == """
        Apply failed with 3 conflicts: conflicts with "agent" with subresource "status" using example.com/v1:
        - .spec.version
        conflicts with "vendor":
        - .spec.suspend
        - .spec.version
        """)
    #expect(several.causes.count == 3)
  }

  @Test func ofManyConflictsSomeAreNamed() {
    let tags = Dictionary(uniqueKeysWithValues: (0..<80).map { (FieldPathElement.field("t\($0)"), FieldSet.member) })
    let error = ApplyConflicts(
      fields: [
        FieldManager("vendor", .apply): FieldSet(children: tags), FieldManager("z", .apply): FieldSet(children: tags),
      ],
      apiVersion: "example.com/v1"
    ).statusError
    #expect(error.causes.count == 50)
    #expect(error.message.hasPrefix("Apply failed with 160 conflicts: "))
    #expect(error.message.hasSuffix("and 110 more"))
  }

  @Test func onlySoManyMayApply() throws {
    var sample = SampleObject()
    for number in 0..<FieldOwnership.maximumApplierCount { try sample.apply(["version": "1"], by: "m\(number)") }
    #expect(throws: StatusError.self) { try sample.apply(["version": "1"], by: "one more") }
    try sample.apply(["version": "1", "suspend": true], by: "m0")
    try sample.apply(nil, by: "m0")
    try sample.apply(["version": "1"], by: "one more")
  }
}
