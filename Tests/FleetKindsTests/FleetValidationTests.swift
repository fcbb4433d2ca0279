import FleetKinds
import ResourceModel
import Testing
import WireFormats

/// An object of a kind with a merge patch over it, and what is wrong with that.
struct Example: Sendable, CustomTestStringConvertible {
  var patch: JSONValue
  /// Each error as `field: message`; the message's start is enough.
  var errors: [String]

  init(_ patch: JSONValue, _ errors: String...) {
    self.patch = patch
    self.errors = errors
  }

  var testDescription: String { patch.text }

  func check(_ definition: ResourceDefinition, _ valid: JSONValue, old: JSONValue? = nil) {
    let object = definition.applyDefaults(to: valid.mergePatched(with: patch))
    let found = definition.validationErrors(in: object, old: old.map { definition.applyDefaults(to: $0) })
    #expect(found.count == errors.count, "\(found)")
    for (error, expected) in zip(found, errors) { #expect(error.description.hasPrefix(expected), "\(error)") }
    #expect(definition.unknownFields(in: object) == [])
  }
}

@Suite struct OrganizationTests {
  static let valid: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "Organization",
    "metadata": ["name": "acme", "labels": ["ring": "early"]],
    "spec": [
      "deploymentType": "Docker", "webhookEndpoint": "https://acme.example.com:8443/api/deployment/webhook?x=1",
      "contacts": ["spocName": "Zoë عربي 🎉", "spocEmail": "zoe@acme.example.com", "accountManager": "am-7"],
      "license": ["expiresAt": "2027-01-01T00:00:00Z"],
    ],
  ]

  @Test(arguments: [
    Example([:]), Example(["spec": nil]), Example(["spec": ["license": [:], "webhookEndpoint": nil]]),
    Example(["spec": ["webhookEndpoint": "http://10.0.0.1/hook"]]),
    Example(
      ["spec": ["deploymentType": "kubernetes"]],
      #"spec.deploymentType: Unsupported value: "kubernetes": supported values: "Kubernetes", "Docker"; did you mean"#),
    Example(
      ["spec": ["webhookEndpoint": "ftp://a"]], #"spec.webhookEndpoint: Invalid value: "ftp://a": must be an http or"#),
    Example(["spec": ["webhookEndpoint": "https://user:secret@a/"]], "spec.webhookEndpoint: Invalid value"),
    Example(["spec": ["webhookEndpoint": "https://a/\u{0000}"]], "spec.webhookEndpoint: Invalid value"),
    Example(["spec": ["license": ["expiresAt": "never"]]], "spec.license.expiresAt: Invalid value"),
    Example(["spec": ["contacts": ["spocName": 1]]], "spec.contacts.spocName: Invalid value: must be a string"),
    Example(["metadata": ["name": "Acme"]], "metadata.name: Invalid value"),
    Example(
      ["metadata": ["name": .string(String(repeating: "a", count: 181))]], "metadata.name: Too long: may not be more"),
    Example(["status": ["health": "online"]], "status.health: Unsupported value"),
  ])
  func namesWhatIsWrong(_ example: Example) { example.check(OrganizationKind.definition, Self.valid) }

  @Test func ofLabelsItHasSixtyFourUnlessItHadMore() {
    func labelled(_ count: Int) -> JSONValue {
      let labels = Dictionary(uniqueKeysWithValues: (0..<count).map { ("l\($0)", JSONValue.string("x")) })
      var object = Self.valid
      object["metadata"]?["labels"] = .object(labels)
      return object
    }
    let definition = OrganizationKind.definition
    Example([:]).check(definition, labelled(64))
    Example([:], "metadata.labels: Too many: 65: must have at most 64").check(definition, labelled(65))
    Example([:]).check(definition, labelled(70), old: labelled(71))
    Example([:], "metadata.labels: Too many").check(definition, labelled(72), old: labelled(71))
  }

  @Test func withoutASpecItIsACustomerOnKubernetesWithoutEnd() throws {
    let object = OrganizationKind.definition.applyDefaults(to: Self.valid.mergePatched(with: ["spec": nil]))
    #expect(try object.decoded(as: Organization.self).spec == OrganizationSpec())
  }
}

@Suite struct ReleaseTests {
  static let valid: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "Release", "metadata": ["name": "2.3.0"],
    "spec": [
      "state": "Published", "releaseNotes": "Bug fixes and improvements",
      "imageTags": ["backend": "sha-abc123", "controlTower": "sha-ghi789"],
      "artifacts": ["helmSha256": .string(String(repeating: "0a", count: 32))], "minCurrentVersion": "2.0.0",
      "newNonEssentialEnvs": [["key": "NEW_FEATURE", "value": "false"]],
    ],
  ]

  private static func named(_ name: String) -> JSONValue { ["metadata": ["name": .string(name)]] }

  @Test(arguments: [
    Example([:]), Example(["spec": nil]), Example(named("2.3.0-rc.1")), Example(named("0.0.0-0a.b-c")),
    Example(named("v2.3.0"), #"metadata.name: Invalid value: "v2.3.0": must be a semantic version in lower case"#),
    Example(named("2.3.0-RC.1"), "metadata.name: Invalid value", "metadata.name: Invalid value"),
    Example(named("2.3"), "metadata.name: Invalid value"),
    Example(named("2.03.0"), "metadata.name: Invalid value"),
    Example(
      named("2.3.0+build.7"), "metadata.name: Invalid value",
      #"metadata.name: Invalid value: "2.3.0+build.7": is a version with build metadata, which has no order; leave out"#
    ),
    Example(["spec": ["imageTags": ["media": "a:b"]]], "spec.imageTags.media: Invalid value"),
    Example(["spec": ["artifacts": ["composeSha256": "AB"]]], "spec.artifacts.composeSha256: Invalid value"),
    Example(["spec": ["minCurrentVersion": "v2"]], "spec.minCurrentVersion: Invalid value"),
    Example(["spec": ["state": "published"]], "spec.state: Unsupported value"),
    Example(
      ["spec": ["newNonEssentialEnvs": [["key": "A", "value": ""], ["key": "A", "value": ""]]]],
      "spec.newNonEssentialEnvs[1].key: Duplicate value"),
    Example(
      ["spec": ["newNonEssentialEnvs": [["key": "A", "value": .string(String(repeating: "é", count: 16_385))]]]],
      "spec.newNonEssentialEnvs[0].value: Too long: may not be more than 32768 bytes"),
    Example(["spec": ["manifest": .string(String(repeating: "é", count: 131_073))]], "spec.manifest: Too long"),
  ])
  func namesWhatIsWrong(_ example: Example) { example.check(ReleaseKind.definition, Self.valid) }

  @Test(arguments: [
    Example([:]), Example(["spec": ["state": "Deprecated"]]), Example(["spec": ["withdrawn": true]]),
    Example(["metadata": ["labels": ["a": "b"]]]),
    Example(["spec": ["state": "Draft"]], "spec.state: Forbidden: a release that was published cannot become a draft"),
    Example(
      ["spec": ["imageTags": ["backend": "other"], "releaseNotes": nil]],
      "spec.imageTags: Forbidden: cannot be changed once the release was published",
      "spec.releaseNotes: Forbidden"),
    Example(["spec": ["isForced": true]], "spec.isForced: Forbidden"),
  ])
  func whatWasPublishedStays(_ example: Example) {
    example.check(ReleaseKind.definition, Self.valid, old: Self.valid)
  }

  @Test func aDraftMayBeChangedAndPublished() {
    let draft = Self.valid.mergePatched(with: ["spec": ["state": "Draft"]])
    Example(["spec": ["imageTags": ["backend": "other"], "state": "Published"]])
      .check(ReleaseKind.definition, draft, old: draft)
  }

  /// Whether it may be published is looked at once, when a draft is: there is no other way to get there.
  @Test func aReleaseIsPublishedAsADraftAndOnce() {
    let draft = Self.valid.mergePatched(with: ["spec": ["state": "Draft"]])
    Example(["spec": ["state": "Deprecated"]], "spec.state: Forbidden: a draft was offered to nobody")
      .check(ReleaseKind.definition, draft, old: draft)
    let deprecated = Self.valid.mergePatched(with: ["spec": ["state": "Deprecated"]])
    Example(["spec": ["state": "Published"]], "spec.state: Forbidden: a release that was deprecated")
      .check(ReleaseKind.definition, deprecated, old: deprecated)
    Example(["spec": ["withdrawn": true]]).check(ReleaseKind.definition, deprecated, old: deprecated)
  }

  /// What is empty is left out where releases are kept.
  @Test func aReleaseMayLackTags() throws {
    let object: JSONValue = [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "Release", "metadata": ["name": "2.3.0"],
      "spec": ["state": "Published", "imageTags": ["backend": "sha-abc123"]],
    ]
    let spec = try object.decoded(as: Release.self).spec
    #expect(spec == ReleaseSpec(state: .published, imageTags: ReleaseSpec.ImageTags(backend: "sha-abc123")))
    var bare = object
    bare["spec"] = [:]
    #expect(try bare.decoded(as: Release.self).spec == ReleaseSpec())
  }
}

@Suite struct RolloutTests {
  static let valid: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "Rollout",
    "metadata": ["name": "to-2.3.0", "annotations": ["deploy.wrktalk.com/retryRequestedAt": "2026-12-15T02:00:00Z"]],
    "spec": [
      "release": "2.3.0", "approvedStages": ["canary"],
      "stages": [
        [
          "name": "canary", "organizations": ["acme", "umbrella"],
          "gate": ["successPercent": 100, "maxFailures": 0, "soak": "1h", "approval": true, "silentAfter": "48h"],
        ],
        ["name": "early", "selector": ["matchLabels": ["ring": "early"]], "maxInFlight": 50],
        ["name": "tenth", "percent": 10, "startsPerMinute": 100], ["name": "some", "count": 500],
        ["name": "rest", "gate": [:]],
      ],
    ],
  ]

  private static func stages(_ stages: JSONValue...) -> JSONValue {
    ["spec": ["approvedStages": nil, "stages": .array(stages)]]
  }

  @Test(arguments: [
    Example([:]), Example(["spec": ["state": "Paused", "onHalt": "OfferPrevious"]]),
    Example(stages(["name": "all"])),
    Example(stages(), "spec.stages: Required value"),
    Example(["spec": ["stages": nil]], "spec.stages: Required value"),
    Example(["spec": ["release": "v2.3.0"]], "spec.release: Invalid value"),
    Example(["spec": ["state": "Stopped"]], "spec.state: Unsupported value"),
    Example(
      ["spec": ["approvedStages": ["x"]]], #"spec.approvedStages[0]: Invalid value: "x": is not the name of a st"#),
    Example(
      stages(["name": "a"], ["name": "b"]), "spec.stages[0]: Required value: only the last stage may be for everyone"),
    Example(stages(["name": "a", "count": 1], ["name": "a"]), "spec.stages[1].name: Duplicate value"),
    Example(stages(["name": "A"]), "spec.stages[0].name: Invalid value"),
    Example(
      stages(["name": "a", "count": 1, "percent": 1, "organizations": ["x"]]),
      "spec.stages[0].percent: Forbidden: may not be set together with organizations", "spec.stages[0].count: Forbidden"
    ),
    Example(
      stages(["name": "a", "percent": 0]), "spec.stages[0].percent: Invalid value: \"0\": must be between 1 and"),
    Example(stages(["name": "a", "percent": 101]), "spec.stages[0].percent: Invalid value"),
    Example(stages(["name": "a", "count": 0]), "spec.stages[0].count: Invalid value"),
    Example(stages(["name": "a", "maxInFlight": 0]), "spec.stages[0].maxInFlight: Invalid value"),
    Example(stages(["name": "a", "organizations": ["x", "x"]]), "spec.stages[0].organizations[1]: Duplicate value"),
    Example(
      stages(["name": "a", "gate": ["soak": "2161h", "silentAfter": "0", "minReports": 0]]),
      "spec.stages[0].gate.minReports: Invalid value"),
    Example(
      stages(["name": "a", "gate": ["soak": "2161h", "silentAfter": "0"]]),
      "spec.stages[0].gate.soak: Invalid value: \"2161h\": must be between 0s and 2160h",
      "spec.stages[0].gate.silentAfter: Invalid value"),
    Example(
      ["spec": ["stages": .array((0..<51).map { ["name": .string("s\($0)"), "count": 1] }), "approvedStages": nil]],
      "spec.stages: Too many: 51"),
    Example(
      ["metadata": ["annotations": ["deploy.wrktalk.com/retryRequestedAt": "now"]]],
      "metadata.annotations[deploy.wrktalk.com/retryRequestedAt]: Invalid value"),
  ])
  func namesWhatIsWrong(_ example: Example) { example.check(RolloutKind.definition, Self.valid) }

  private static let running = valid.mergePatched(with: [
    "status": [
      "phase": "Progressing", "reason": "",
      "stages": [
        ["name": "canary", "phase": "Running", "startedAt": "2026-12-15T02:00:00Z", "counts": [:]],
        ["name": "early", "phase": "Pending", "counts": [:]],
      ],
    ]
  ])

  private static let last: [JSONValue] = [["name": "rest"]]
  private static let canary: JSONValue = ["name": "canary", "organizations": ["acme", "umbrella"]]

  @Test(arguments: [
    Example(["spec": ["stages": .array([canary] + last)]]),
    Example(["spec": ["stages": .array([canary, ["name": "new", "count": 3]] + last)]]),
    Example(["spec": ["release": "2.4.0"]], "spec.release: Forbidden: cannot be changed"),
    Example(
      ["spec": ["stages": .array([["name": "canary", "count": 1]] + last)]],
      "spec.stages[0].organizations: Forbidden: stage canary has started: its members are fixed",
      "spec.stages[0].count: Forbidden"),
    Example(
      ["spec": ["stages": .array([["name": "first", "count": 1], canary] + last)]],
      "spec.stages[0]: Forbidden: stage canary has started: it must stay where it is"),
  ])
  func whatHasStartedStays(_ example: Example) {
    example.check(RolloutKind.definition, Self.running, old: Self.running)
  }

  @Test func theTableShowsStageAndCounts() throws {
    var status = RolloutStatus(phase: .progressing, reason: "moving", stages: [])
    status.stages = [
      RolloutStatus.Stage(name: "canary", phase: .passed, counts: StageCounts([.succeeded: 2])),
      RolloutStatus.Stage(
        name: "rest", phase: .running, counts: StageCounts([.succeeded: 5, .failed: 1, .waiting: 2])),
    ]
    var object = Self.valid
    object["status"] = try JSONValue(encoding: status)
    #expect(object["status"]?["stages"]?.array?[1]["counts"]?["members"] == 8)
    let row = ResourceTable(RolloutKind.definition).row(of: object, now: Timestamp(seconds: 0))
    #expect(
      row["cells"]?.array?.prefix(6) == ["to-2.3.0", "2.3.0", "Progressing", "2/2 rest", "7/10", "1"])
  }
}

@Suite struct TargetAndEscalationTests {
  static let target: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "DeploymentTarget", "metadata": ["name": "acme.2.3.0"],
    "spec": ["release": "2.3.0", "organization": "acme", "rollout": "to-2.3.0", "stage": "canary"],
  ]

  @Test(arguments: [
    Example([:]),
    Example(["metadata": ["name": "acme"]], "metadata.name: Invalid value: \"acme\": must be organization and release"),
    Example(["spec": ["organization": nil]], "spec.organization: Required value"),
    Example(["status": ["phase": "webhookFailed"]], "status.phase: Unsupported value"),
    Example(["status": ["blocked": "Because"]], "status.blocked: Unsupported value"),
  ])
  func namesWhatIsWrong(_ example: Example) { example.check(DeploymentTargetKind.definition, Self.target) }

  @Test func aTargetIsOfOneReleaseForOneOrganizationForEver() {
    Example(["spec": ["release": "2.4.0"]], "spec.release: Forbidden: cannot be changed")
      .check(DeploymentTargetKind.definition, Self.target, old: Self.target)
    Example(["spec": ["stage": "rest"]]).check(DeploymentTargetKind.definition, Self.target, old: Self.target)
  }

  static let escalation: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "Escalation", "metadata": ["name": "e-1"],
    "spec": [
      "organization": "acme", "type": "LICENSE_EXPIRED", "reason": "The licence ended.", "metadata": [1, ["a": nil]],
    ],
  ]

  @Test(arguments: [
    Example([:]), Example(["spec": ["resolution": "renewed"]]),
    Example(["spec": ["type": "LicenseExpired"]], "spec.type: Unsupported value"),
    Example(["spec": ["reason": nil]], "spec.reason: Required value"),
  ])
  func namesWhatIsWrongWithAnEscalation(_ example: Example) {
    example.check(EscalationKind.definition, Self.escalation)
  }

  @Test func anEscalationIsOfOneFact() {
    Example(["spec": ["type": "CLIENT_OFFLINE", "resolution": "x"]], "spec.type: Forbidden")
      .check(EscalationKind.definition, Self.escalation, old: Self.escalation)
  }
}
