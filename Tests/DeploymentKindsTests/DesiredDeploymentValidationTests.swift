import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@Suite struct DesiredDeploymentValidationTests {
  private static let valid = DesiredDeploymentKindTests.valid

  struct Example: Sendable, CustomTestStringConvertible {
    /// A merge patch over the valid object's spec.
    var patch: JSONValue
    /// Each error as `field: message`; the message's start is enough.
    var errors: [String]

    init(_ patch: JSONValue, _ errors: String...) {
      self.patch = patch
      self.errors = errors
    }

    var testDescription: String { patch.text }
  }

  static let examples: [Example] = [
    // What is right.
    Example([:]),
    Example(["version": "2.3.0-rc.1+build.7"]),
    Example(["version": nil, "artifact": nil, "rollbackTo": ["revision": 5]]),
    Example(["runtime": "Helm", "compose": nil, "helm": ["releaseName": "wrktalk", "timeout": "1h30m"]]),
    Example([
      "runtime": "Helm", "compose": nil, "deletionPolicy": "Uninstall",
      "helm": ["releaseName": "wrktalk", "valuesFrom": [["kind": "Secret", "name": "settings"]]],
      "driftIgnore": [
        ["kind": "Deployment", "name": "backend", "paths": ["/spec/replicas", "/metadata/annotations/a~1b"]]
      ],
    ]),
    Example(["interval": "1s"]), Example(["interval": "24h"]), Example(["schedule": ["startingDeadline": "168h"]]),
    Example(["manifest": .string(String(repeating: "a", count: 256 << 10))]),
    Example(["suspend": nil, "drift": nil]),
    Example(["imageTags": ["control-tower": "v1", "db": "15.4-alpine"]]),

    // Values, drift and deletion.
    Example(
      ["driftIgnore": [["kind": "Deployment", "paths": ["/spec/replicas"]]]],
      "spec.driftIgnore: Forbidden: may be set only where spec.runtime is Helm"),
    Example(
      [
        "runtime": "Helm", "compose": nil,
        "helm": ["releaseName": "wrktalk", "valuesFrom": [["kind": "Pod", "name": "A_b"]]],
        "driftIgnore": [["kind": "", "paths": ["spec/replicas", "/a~2"]]],
      ], "spec.driftIgnore[0].kind: Required value", "spec.driftIgnore[0].paths[0]: Invalid value: \"spec/replicas\"",
      "spec.driftIgnore[0].paths[1]: Invalid value: \"/a~2\": must be a JSON pointer",
      "spec.helm.valuesFrom[0].kind: Unsupported value: \"Pod\"",
      "spec.helm.valuesFrom[0].name: Invalid value: \"A_b\": must be an object's name"),
    Example(["deletionPolicy": "Delete"], "spec.deletionPolicy: Unsupported value: \"Delete\""),

    // The release.
    Example(["version": nil], "spec.version: Required value: must be set unless spec.rollbackTo is"),
    Example(["artifact": nil], "spec.artifact: Required value: must be set unless spec.rollbackTo is"),
    Example(
      ["rollbackTo": ["revision": 5]], "spec.version: Forbidden: may not be set together with spec.rollbackTo",
      "spec.artifact: Forbidden: may not be set together with spec.rollbackTo"),
    Example(
      ["version": nil, "artifact": nil, "rollbackTo": ["revision": 0]],
      #"spec.rollbackTo.revision: Invalid value: "0": must be between 1 and 2147483647"#),
    Example(["version": nil, "artifact": nil, "rollbackTo": [:]], "spec.rollbackTo.revision: Required value"),
    Example(["version": "2.3"], #"spec.version: Invalid value: "2.3": must be a semantic version"#),
    Example(["version": "v2.3.0"], #"spec.version: Invalid value: "v2.3.0": must be a semantic version"#),
    Example(["version": "02.3.0"], #"spec.version: Invalid value"#),
    Example(["version": "2.3.0-01"], #"spec.version: Invalid value"#),
    Example(["version": 2], "spec.version: Invalid value: must be a string, not an integer"),
    Example(["version": ""], "spec.version: Required value: must not be empty"),

    // The artifact.
    Example(["artifact": ["path": "/etc/passwd"]], #"spec.artifact.path: Invalid value: "/etc/passwd": must be a key"#),
    Example(
      ["artifact": ["path": "a/../../b"]],
      #"spec.artifact.path: Invalid value: "a/../../b": must be a key within the bucket"#),
    Example(["artifact": ["path": "a//b"]], #"spec.artifact.path: Invalid value: "a//b": must be a key"#),
    Example(["artifact": ["path": "a\\b"]], #"spec.artifact.path: Invalid value"#),
    Example(["artifact": ["path": "a\u{0}b"]], #"spec.artifact.path: Invalid value"#),
    Example(["artifact": ["path": .string(String(repeating: "é", count: 600))]], "spec.artifact.path: Too long"),
    Example(["artifact": ["path": .string(String(repeating: "a", count: 1025))]], "spec.artifact.path: Too long"),
    Example(["artifact": ["sha256": "ABC"]], #"spec.artifact.sha256: Invalid value: "ABC": must be a SHA-256 digest"#),
    Example(
      ["artifact": ["sha256": .string(String(repeating: "0A", count: 32))]], "spec.artifact.sha256: Invalid value"),
    Example(["artifact": ["sha256": nil]], "spec.artifact.sha256: Required value"),

    // The manifest.
    Example(["manifest": .string(String(repeating: "a", count: 256 << 10 + 1))], "spec.manifest: Too long"),
    Example(["manifest": .string(String(repeating: "é", count: 200_000))], "spec.manifest: Too long"),
    Example(["manifest": ""], "spec.manifest: Required value"),
    Example(["manifest": [:]], "spec.manifest: Invalid value"),

    Example(["artifact": ["path": "a/b/"]], "spec.artifact.path: Invalid value"),
    Example(["artifact": ["path": "./a"]], "spec.artifact.path: Invalid value"),
    Example(["artifact": ["path": "a\u{7F}"]], "spec.artifact.path: Invalid value"),
    Example(["artifact": ["path": ".a/..b/...c/d..e/é ü"]]), Example(["compose": ["envPath": "config/.env.v2.3.0"]]),

    // The runtime.
    Example(["runtime": nil], "spec.runtime: Required value"),
    Example(
      ["runtime": "compose"],
      #"spec.runtime: Unsupported value: "compose": supported values: "Helm", "Compose"; did you mean "Compose"?"#),
    Example(
      ["runtime": "Helm"], "spec.helm: Required value: must be set where spec.runtime is Helm",
      "spec.compose: Forbidden: may be set only where spec.runtime is Compose"),
    Example(["compose": nil], "spec.compose: Required value: must be set where spec.runtime is Compose"),
    Example(["helm": ["releaseName": "x"]], "spec.helm: Forbidden"),
    Example(
      ["compose": ["projectName": "WrkTalk"]], #"spec.compose.projectName: Invalid value: "WrkTalk": must be a Com"#),
    Example(["compose": ["projectName": "-x"]], "spec.compose.projectName: Invalid value"),
    Example(["compose": ["envPath": "../.env"]], "spec.compose.envPath: Invalid value"),
    Example(["compose": ["timeout": "10"]], #"spec.compose.timeout: Invalid value: "10": must be a span of time"#),
    Example(["compose": ["timeout": "0"]], #"spec.compose.timeout: Invalid value: "0": must be between 1s and 24h"#),
    Example(["compose": ["timeout": "24h1s"]], "spec.compose.timeout: Invalid value"),
    Example(["compose": ["timeout": "999999h999999m"]], "spec.compose.timeout: Invalid value"),
    Example(
      [
        "runtime": "Helm", "compose": nil,
        "helm": ["releaseName": .string(String(repeating: "a", count: 54)), "valuesPath": "a"],
      ], "spec.helm.releaseName: Too long: may not be more than 53 characters"),
    Example(
      ["runtime": "Helm", "compose": nil, "helm": ["releaseName": "a", "valuesPath": "."]],
      "spec.helm.valuesPath: Invalid value"),

    // Image tags and settings.
    Example(["imageTags": ["back end": "v1"]], "spec.imageTags[back end]: Invalid value"),
    Example(["imageTags": ["backend": "-v1"]], #"spec.imageTags[backend]: Invalid value: "-v1": must be an image tag"#),
    Example(["imageTags": ["backend": "a:b"]], "spec.imageTags[backend]: Invalid value"),
    Example(["imageTags": ["backend": 1]], "spec.imageTags[backend]: Invalid value: must be a string, not an integer"),
    Example(
      ["newNonEssentialEnvs": [["key": "A", "value": "1"], ["key": "A", "value": "2"]]],
      #"spec.newNonEssentialEnvs[1].key: Duplicate value: "A""#),
    Example(
      ["newNonEssentialEnvs": [["key": "1A", "value": "secret"]]],
      #"spec.newNonEssentialEnvs[0].key: Invalid value: "1A": must be the name of an environment variable"#),
    Example(["newNonEssentialEnvs": [["key": "A"]]], "spec.newNonEssentialEnvs[0].value: Required value"),
    Example(
      ["newNonEssentialEnvs": [["key": "A", "value": false]]],
      "spec.newNonEssentialEnvs[0].value: Invalid value: must be a string, not a boolean"),
    Example(
      ["newNonEssentialEnvs": [["key": "A", "value": .string(String(repeating: "x", count: 32769))]]],
      "spec.newNonEssentialEnvs[0].value: Too long"),
    Example(
      ["newNonEssentialEnvs": [["key": "A", "value": .string(String(repeating: "é", count: 16385))]]],
      "spec.newNonEssentialEnvs[0].value: Too long: may not be more than 32768 bytes"),
    Example(
      ["newNonEssentialEnvs": .array((0..<201).map { ["key": .string("K\($0)"), "value": ""] })],
      "spec.newNonEssentialEnvs: Too many: 201: must have at most 200 items"),

    // When and how.
    Example(
      ["schedule": ["notBefore": "tomorrow"]],
      #"spec.schedule.notBefore: Invalid value: "tomorrow": must be an RFC 3339"#),
    Example(["schedule": ["notBefore": "2026-02-30T00:00:00Z"]], "spec.schedule.notBefore: Invalid value"),
    Example(["schedule": ["notBefore": nil]], "spec.schedule.notBefore: Required value"),
    Example(["schedule": ["startingDeadline": "169h"]], "spec.schedule.startingDeadline: Invalid value"),
    Example(
      ["failurePolicy": "Rollback"], #"spec.failurePolicy: Unsupported value: "Rollback": supported values: "RollBack""#
    ),
    Example(["drift": "Fix"], "spec.drift: Unsupported value"),
    Example(["interval": "500ms"], #"spec.interval: Invalid value: "500ms": must be between 1s and 24h"#),
    Example(["interval": 60], "spec.interval: Invalid value: must be a string, not an integer"),
    Example(["suspend": "yes"], "spec.suspend: Invalid value: must be a boolean, not a string"),
  ]

  @Test(arguments: examples) func namesEveryWrongFieldAndNoOther(_ example: Example) {
    let object = DesiredDeploymentKind.definition.applyDefaults(
      to: Self.valid.mergePatched(with: ["spec": example.patch]))
    let errors = DesiredDeploymentKind.definition.validationErrors(in: object)
    #expect(errors.count == example.errors.count, "\(errors)")
    for (error, expected) in zip(errors, example.errors) {
      #expect(error.description.hasPrefix(expected), "\(error)")
    }
  }

  @Test func aSettingsValueNeverStandsInAMessage() {
    let spec: JSONValue = [
      "newNonEssentialEnvs": [["key": "K", "value": .string("hunter2" + String(repeating: "x", count: 40_000))]]
    ]
    let errors = DesiredDeploymentKind.definition.validationErrors(in: Self.valid.mergePatched(with: ["spec": spec]))
    #expect(errors.count == 1)
    #expect(errors.allSatisfy { !$0.message.contains("hunter2") })
  }

  static let changes: [Example] = [
    Example(["version": "2.4.0", "imageTags": ["backend": "other"], "compose": ["timeout": "5m"]]),
    Example(
      ["compose": ["projectName": "other"]],
      "spec.compose.projectName: Forbidden: cannot be changed; delete the DesiredDeployment and create it anew"),
    Example(
      ["runtime": "Helm"],
      "spec.runtime: Forbidden: cannot be changed; delete the DesiredDeployment and create it anew"),
  ]

  @Test(arguments: changes) func whatTheEnvironmentIsCannotChange(_ example: Example) {
    let definition = DesiredDeploymentKind.definition
    let old = definition.applyDefaults(to: Self.valid)
    let new = definition.applyDefaults(to: old.mergePatched(with: ["spec": example.patch]))
    let errors = definition.validationErrors(in: new, old: old)
    #expect(errors.map(\.description) == example.errors)
  }

  @Test func misspeltFieldsAreNamedWithWhatWasMeant() {
    let object = Self.valid.mergePatched(with: [
      "metadata": ["lables": ["a": "b"]],
      "spec": ["verison": "1", "artifact": ["sha265": "x"], "imageTags": ["backend": "sha-abc"], "zzz": 1],
    ])
    let definition = DesiredDeploymentKind.definition
    #expect(
      definition.unknownFields(in: object).map(\.message) == [
        #"unknown field "metadata.lables"; did you mean "labels"?"#, #"unknown field "spec.artifact.sha265""#,
        #"unknown field "spec.verison""#, #"unknown field "spec.zzz""#,
      ])
    #expect(definition.pruned(object) == Self.valid)
    let withoutThem = object.mergePatched(with: ["spec": ["version": nil, "artifact": ["sha256": nil]]])
    #expect(
      definition.unknownFields(in: withoutThem).map(\.message).contains(
        #"unknown field "spec.verison"; did you mean "version"?"#))
  }
}
