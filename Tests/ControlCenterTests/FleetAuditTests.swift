import Accounts
import Audit
import Cryptography
import Database
import FleetKinds
import Licensing
import ResourceModel
import ServerPrograms
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter
@testable import ResourceStorage

/// What is kept of who did what at the vendor's: nothing that is done hides behind something else that is done with it.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct FleetAuditTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var kind: ResourceNames
    var verb = "patch"
    var changed: [String]
    var object: JSONValue
    var acts: [AuditedAct]
    var testDescription: String { "\(kind.kind) \(verb) \(changed)" }
  }

  private static let retry = "metadata.annotations.\(RolloutKind.retryAnnotation)"

  static let examples = [
    Example(
      kind: RolloutKind.names, verb: "create", changed: [], object: ["spec": ["state": "Running"]], acts: []),
    Example(
      kind: RolloutKind.names, changed: ["spec.state"], object: ["spec": ["state": "Halted"]],
      acts: [AuditedAct("RolloutHalted", ["state": "Halted"])]),
    Example(
      kind: RolloutKind.names, changed: ["spec.state"], object: ["spec": ["state": "Paused"]],
      acts: [AuditedAct("RolloutPaused", ["state": "Paused"])]),
    Example(
      kind: RolloutKind.names, changed: [retry, "spec.approvedStages", "spec.stages", "spec.state"],
      object: [
        "metadata": ["annotations": [RolloutKind.retryAnnotation: "2026-12-15T02:00:00Z"]],
        "spec": [
          "state": "Running", "approvedStages": ["a", "rest"],
          "stages": [["name": "a", "organizations": ["x"]], ["name": "rest"]],
        ],
      ],
      acts: [
        AuditedAct("RolloutResumed", ["state": "Running"]),
        AuditedAct("RolloutRetried", ["retry": "2026-12-15T02:00:00Z"]),
        AuditedAct("RolloutApproved", ["approvedStages": ["a", "rest"]]),
        AuditedAct("RolloutStagesChanged", ["stages": ["a", "rest"]]),
      ]),
    Example(
      kind: RolloutKind.names, changed: ["spec.onHalt", "spec.state"], object: ["spec": ["state": "Halted"]],
      acts: [AuditedAct("RolloutHalted", ["state": "Halted"]), AuditedAct("RolloutChanged")]),
    Example(kind: RolloutKind.names, changed: ["spec.onHalt"], object: ["spec": ["state": "Running"]], acts: []),
    Example(
      kind: ReleaseKind.names, verb: "create", changed: [], object: ["spec": ["state": "Published"]],
      acts: [AuditedAct("ReleaseCreated"), AuditedAct("ReleasePublished", ["state": "Published"])]),
    Example(
      kind: ReleaseKind.names, changed: ["spec.imageTags", "spec.state"], object: ["spec": ["state": "Published"]],
      acts: [AuditedAct("ReleasePublished", ["state": "Published"]), AuditedAct("ReleaseChanged")]),
    Example(
      kind: ReleaseKind.names, changed: ["spec.state", "spec.withdrawn"],
      object: ["spec": ["state": "Deprecated", "withdrawn": true]],
      acts: [
        AuditedAct("ReleaseDeprecated", ["state": "Deprecated"]), AuditedAct("ReleaseWithdrawn", ["withdrawn": true]),
      ]),
    Example(kind: OrganizationKind.names, changed: ["spec.webhookEndpoint"], object: ["spec": [:]], acts: []),
  ]

  @Test(arguments: examples) func eachActHasAnEntry(_ example: Example) {
    let origin = WriteOrigin(
      actor: "ann@example.com", roles: "engineer", address: "", verb: example.verb, changedFields: example.changed)
    let write = AuditedWrite(
      kind: example.kind, key: ObjectKey(namespace: "", name: "r"), origin: origin, object: example.object)
    #expect(FleetAudit.acts(write) == example.acts)
  }

  private func audited(_ fixture: FleetFixture) async throws -> [[String]] {
    try await fixture.query("SELECT actor, action, object FROM audit_entry ORDER BY sequence").map {
      $0.values.compactMap(\.text)
    }
  }

  private func serve(
    _ fixture: FleetFixture, _ body: @Sendable (ControlCenterTestServer) async throws -> Void
  ) async throws {
    try await ControlCenterTestServer.run(
      authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
      addRoutes: { fixture.parts.addRoutes(to: $0) }, body)
  }

  @Test(arguments: TestDatabase.available)
  func whatCIMakesAndChangesBeforeItIsPublishedIsKept(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.parts.prepare()
      let chart = try TestArchive.chart("2.3.0")
      try await serve(fixture) { server in
        let path = "/api/internal/releases"
        var release = ControlCenterTestServer.release("2.3.0")
        for _ in 0..<2 { #expect(try await server.send("POST", path, release).status == 200) }
        release["releaseNotes"] = "changed by ci"
        release["isForced"] = true
        #expect(try await server.send("POST", path, release).status == 200)
        #expect(try await server.upload(chart, version: "2.3.0").status == 200)
        #expect(try await server.send("POST", "\(path)/2.3.0/publish").status == 200)
        let detail = try await server.send("GET", "\(path)/2.3.0", token: "viewer").json
        #expect(
          (detail["story"] ?? detail["history"])?.array?.compactMap { $0["action"]?.string } == [
            "ReleaseCreated", "ReleaseChanged", "ArtifactUploaded", "ReleasePublished",
          ])
      }
      #expect(
        try await audited(fixture) == [
          ["the-ci", "ReleaseCreated", "2.3.0"], ["the-ci", "ReleaseChanged", "2.3.0"],
          ["the-ci", "ArtifactUploaded", "2.3.0"], ["the-ci", "ReleasePublished", "2.3.0"],
        ])
      let details = try await fixture.query("SELECT detail FROM audit_entry ORDER BY sequence").compactMap {
        $0[0].text
      }
      #expect(details[1] == #"{"changed":["releaseNotes","isForced"]}"#)
      #expect(details[2].contains(#""type":"helm""#) && details[2].contains(#""sizeBytes":\#(chart.count)"#))
    }
  }

  /// What a release came to matters more than how it began.
  @Test(arguments: TestDatabase.available)
  func aReleaseShowsTheLastOfWhatWasDoneWithIt(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      let actor = AuditActor(name: "ann@example.com")
      try await fixture.database.transaction(.write) { connection in
        try fixture.parts.audit.record(
          [actor.entry("ReleasePublished", "2.0.0")]
            + (0..<ReleaseDetail.maximumEntries).map { _ in actor.entry("ReleaseChanged", "2.0.0") }
            + [actor.entry("ReleaseWithdrawn", "2.0.0"), actor.entry("ReleaseWithdrawn", "2.0.1")],
          in: connection)
      }
      try await serve(fixture) { server in
        let detail = try await server.send("GET", "/api/internal/releases/2.0.0", token: "viewer").json
        let actions = (detail["story"] ?? detail["history"])?.array?.compactMap { $0["action"]?.string } ?? []
        #expect(actions.count == ReleaseDetail.maximumEntries)
        #expect(actions.first == "ReleaseChanged" && actions.last == "ReleaseWithdrawn")
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func licencesThatAreIssuedAndRevokedAreKeptWithoutTheirToken(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      let ledger = LicenseLedger(database: fixture.database, makeID: fixture.parts.makeID, now: fixture.parts.now)
      let actor = AuditedActor(AuditActor(name: "ann@example.com"), in: fixture.parts.audit)
      let issued = try await ledger.issue(
        LicenseTerms(organization: "acme", edition: "gold"), with: Ed25519.PrivateKey(), by: "ann", audit: actor)
      _ = try await ledger.revoke(issued.license.id, by: "ann", reason: "not paid", audit: actor)
      #expect(
        try await audited(fixture) == [
          ["ann@example.com", "LicenseIssued", "acme"], ["ann@example.com", "LicenseRevoked", "acme"],
        ])
      let details = try await fixture.query("SELECT detail FROM audit_entry ORDER BY sequence").compactMap {
        $0[0].text
      }
      #expect(details.allSatisfy { $0.contains(issued.license.id) && !$0.contains(issued.token) })
      #expect(details[0].contains("gold") && details[1].contains("not paid"))
    }
  }
}
