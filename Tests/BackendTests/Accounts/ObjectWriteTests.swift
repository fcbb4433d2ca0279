import AuditChain
import Database
import DeploymentKinds
import HTTPTypes
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// What people write through the resource API: under the same conditions as by the other endpoints, and audited like it.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ObjectWriteTests {
  private static let path = "/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
  private static let object: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment", "metadata": ["name": "wrktalk"],
    "spec": [
      "version": "1.0.0", "runtime": "Compose", "compose": ["projectName": "shop", "envPath": "config/.env"],
      "artifact": [
        "path": "artifacts/compose/shop-1.0.0.tar.gz", "sha256": .string(String(repeating: "a", count: 64)),
      ],
    ],
  ]

  private static func entries(_ fixture: BackendFixture) async throws -> [[String]] {
    try await fixture.query(
      "SELECT actor, action, object, detail FROM audit_entry WHERE action LIKE 'DesiredDeployment%' ORDER BY sequence"
    ).map { row in (0..<4).map { row[$0].text ?? "" } }
  }

  @Test(arguments: TestDatabase.available)
  func whoWroteARecordIsAudited(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      let created = try await front.send(.post, Self.path, Self.object, token: "admin")
      #expect(created.status == 201, "\(created.json)")
      let change: JSONValue = ["spec": ["version": "1.1.0"]]
      let patch = [("Content-Type", "application/merge-patch+json")]
      #expect(
        try await front.send(.patch, Self.path + "/wrktalk", change, token: "admin", headers: patch).status == 200)
      // What changes nothing, is refused, or only tried is not audited.
      #expect(
        try await front.send(.patch, Self.path + "/wrktalk", change, token: "admin", headers: patch).status == 200)
      #expect(
        try await front.send(.patch, Self.path + "/wrktalk", change, token: "viewer", headers: patch).status == 403)
      #expect(try await front.send(.delete, Self.path + "/wrktalk?dryRun=All", token: "admin").status == 200)
      #expect(try await front.send(.delete, Self.path + "/wrktalk", token: "admin").status == 200)
      let entries = try await Self.entries(fixture)
      #expect(
        entries.map { Array($0.prefix(3)) } == [
          ["the-admin", "DesiredDeploymentCreated", "wrktalk/wrktalk"],
          ["the-admin", "DesiredDeploymentChanged", "wrktalk/wrktalk"],
          ["the-admin", "DesiredDeploymentDeleted", "wrktalk/wrktalk"],
        ])
      let detail = try JSONValue(parsing: try #require(entries.dropFirst().first)[3])
      #expect(detail == ["changed": ["spec.version"], "verb": "patch", "version": "1.1.0"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatAnAgentReportsIsNotAudited(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      #expect(try await front.send(.post, Self.path, Self.object, token: "admin").status == 201)
      let status: JSONValue = ["status": ["observedGeneration": 1]]
      let answer = try await front.send(
        .patch, Self.path + "/wrktalk/status", status, token: "agent",
        headers: [("Content-Type", "application/merge-patch+json")])
      #expect(answer.status == 200, "\(answer.json)")
      #expect(try await Self.entries(fixture).count == 1)
    }
  }

  @Test func aSessionThatSomebodyLeftOpenWritesNoObject() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ada@example.com", in: fixture)
      #expect(try await front.send(.post, Self.path, Self.object, browser: browser).status == 201)
      fixture.advance(.seconds(11 * 60))
      let patch = [("Content-Type", "application/merge-patch+json")]
      let change: JSONValue = ["spec": ["version": "0.9.0"]]
      let refused = try await front.send(.patch, Self.path + "/wrktalk", change, browser: browser, headers: patch)
      #expect(refused.status == 403)
      #expect(refused.json["message"]?.string?.contains("confirm your password") == true)
      #expect(try await front.send(.get, Self.path + "/wrktalk", browser: browser).status == 200)
      #expect(try await front.send(.delete, Self.path + "/wrktalk", browser: browser).status == 403)
      let proof = try await front.send(
        .post, "/api/admin/session/reauthenticate", ["password": .string(BackendFront.password)], browser: browser)
      #expect(proof.status < 300)
      #expect(
        try await front.send(.patch, Self.path + "/wrktalk", change, browser: browser, headers: patch).status == 200)
    }
  }
}
