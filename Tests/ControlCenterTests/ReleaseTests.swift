import Cryptography
import Database
import FleetPlanning
import ObjectStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ReleaseTests {
  private static let path = "/api/internal/releases"

  @Test(arguments: TestDatabase.available)
  func aReleaseIsMadeReplacedPublishedAndStays(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      let chart = try TestArchive.chart("2.3.0")
      let made = try await server.send("POST", Self.path, ControlCenterTestServer.release("v2.3.0"))
      #expect(made.status == 200, "\(made.error)")
      #expect(made.json["version"] == "2.3.0" && made.json["status"] == "draft")
      let id = made.json["id"]
      // The same again changes nothing, another content replaces it.
      #expect(try await server.send("POST", Self.path, ControlCenterTestServer.release("2.3.0")).json == made.json)
      #expect(try await fixture.changes() == ["ADDED 2.3.0 draft"])
      let forced = ControlCenterTestServer.release("2.3.0") {
        $0["isForced"] = true
        $0["minCurrentVersion"] = "v2.0.0"
        $0["estimatedDowntime"] = "5 min, ünïcode ☃"
      }
      #expect(try await server.send("POST", Self.path, forced).json["id"] == id)
      let row = try #require(
        try await fixture.rows(
          """
          SELECT generation, "isForced", "minCurrentVersion", "estimatedDowntime", "createdBy"
          FROM gcc_release
          """
        ).first)
      #expect(row[0] == .integer(2) && row[1].boolean == true && row[2] == .text("2.0.0"))
      #expect(row[3] == .text("5 min, ünïcode ☃") && row[4] == .text("the-ci"))
      #expect(try await fixture.changes() == ["ADDED 2.3.0 draft", "MODIFIED 2.3.0 draft"])

      let early = try await server.send("POST", "\(Self.path)/2.3.0/publish")
      #expect(early.status == 409)
      #expect(early.error.contains("has no artifact"))
      _ = try await server.upload(chart, version: "2.3.0")
      _ = try await server.upload(TestArchive.bundle(), type: "compose", version: "2.3.0")
      let published = try await server.send("POST", "\(Self.path)/2.3.0/publish")
      #expect(published.json == ["id": id ?? .null, "version": "2.3.0", "status": "published"])
      let digests = try #require(
        try await fixture.rows(
          "SELECT \"helmChartSha256\", \"composeArtifactSha256\" FROM gcc_release"
        ).first)
      #expect(digests[0].text == SHA256.digest(of: chart).hexadecimal)
      #expect(digests[1].text?.count == 64)
      fixture.advance(by: .seconds(60))
      #expect(try await server.send("POST", "\(Self.path)/v2.3.0/publish").json == published.json)

      // What is published: the same is answered again, another is refused.
      #expect(try await server.send("POST", Self.path, forced).json == published.json)
      let other = try await server.send("POST", Self.path, ControlCenterTestServer.release("2.3.0"))
      #expect(other.status == 409)
      #expect(other.error.contains("isForced, estimatedDowntime, minCurrentVersion"), "\(other.error)")
      #expect(other.error.contains("since 2027-01-15T08:00:00Z"), "\(other.error)")

      let list = try await server.send("GET", Self.path)
      let listed = try #require(list.json["releases"]?.array?.first)
      #expect(listed["publishedAt"] == "2027-01-15T08:00:00Z")
      #expect(listed["status"] == "published" && listed["withdrawn"] == false)
    }
  }

  @Test(arguments: TestDatabase.available)
  func statesFollowEachOtherInOneDirection(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      func change(_ version: String, _ verb: String) async throws -> (Int, String) {
        let answer = try await server.send("POST", "\(Self.path)/\(version)/\(verb)")
        return (answer.status, answer.json["status"]?.string ?? answer.error)
      }
      _ = try await server.send("POST", Self.path, ControlCenterTestServer.release("1.0.0"))
      #expect(try await change("1.0.0", "deprecate").0 == 409)
      #expect(try await change("1.0.0", "withdraw").0 == 409)
      _ = try await server.publish("1.0.0")
      #expect(try await change("1.0.0", "deprecate") == (200, "deprecated"))
      #expect(try await change("1.0.0", "deprecate") == (200, "deprecated"))
      let again = try await change("1.0.0", "publish")
      #expect(again.0 == 409 && again.1.contains("deprecated and cannot be published again"))
      #expect(try await change("1.0.0", "withdraw") == (200, "withdrawn"))
      #expect(try await change("1.0.0", "withdraw") == (200, "withdrawn"))
      #expect(
        try await fixture.changes() == [
          "ADDED 1.0.0 draft", "MODIFIED 1.0.0 published", "MODIFIED 1.0.0 deprecated",
          "MODIFIED 1.0.0 deprecated withdrawn",
        ])
      let withdrawn = try await change("1.0.0", "publish")
      #expect(withdrawn.0 == 409 && withdrawn.1.contains("withdrawn"))
      #expect(try await change("1.0.0", "deprecate").0 == 409)
      for version in ["9.9.9", "..%2f..%2fetc", "1.0.0%00", "x"] {
        #expect(try await change(version, "publish").0 == 404, "\(version)")
      }
    }
  }

  struct Body: Sendable, CustomTestStringConvertible {
    var field: String
    var value: JSONValue
    var error: String
    var testDescription: String { "\(field): \(value.text.prefix(60))" }
  }

  static let bodies: [Body] = [
    Body(field: "version", value: .null, error: "version: is missing"),
    Body(field: "version", value: 2, error: "version: must be text, not"),
    Body(field: "version", value: "2.3.0+1", error: "build metadata"),
    Body(field: "version", value: "../x", error: "semantic version"),
    Body(field: "version", value: "${VERSION}", error: "a shell expands no variable in single quotes"),
    Body(field: "imageTags", value: "x", error: "imageTags: must be an object"),
    Body(field: "imageTags", value: ["backend": 1], error: "imageTags.backend: must be text"),
    Body(field: "imageTags", value: ["backend": "a b"], error: "imageTags.backend: must be the tag of an image"),
    Body(field: "imageTags", value: ["backend": "${TAG}"], error: "single quotes"),
    Body(field: "imageTags", value: ["backned": "a"], error: "imageTags.backned: is not a field"),
    Body(field: "isForced", value: "true", error: "isForced: must be true or false"),
    Body(field: "isMigrationRequired", value: 1, error: "isMigrationRequired: must be true or false"),
    Body(field: "estimatedDowntime", value: 5, error: "estimatedDowntime: must be text"),
    Body(field: "releaseNotes", value: "a\u{0}b", error: "releaseNotes: must not hold the character NUL"),
    Body(field: "releaseNotes", value: .string(String(repeating: "x", count: 300_000)), error: "at most 262144 bytes"),
    Body(field: "newNonEssentialEnvs", value: ["key": "A"], error: "newNonEssentialEnvs: must be an array"),
    Body(field: "newNonEssentialEnvs", value: [["key": "1A", "value": ""]], error: "newNonEssentialEnvs[0].key"),
    Body(field: "newNonEssentialEnvs", value: [["value": ""]], error: "newNonEssentialEnvs[0].key"),
    Body(field: "newNonEssentialEnvs", value: [["key": "A", "value": true]], error: "newNonEssentialEnvs[0].value"),
    Body(field: "newNonEssentialEnvs", value: [["key": "A"], ["key": "A"]], error: "[1].key: A stands twice"),
    Body(field: "minCurrentVersion", value: "x", error: "minCurrentVersion: must be a semantic version"),
    Body(field: "minCurrentVersion", value: "2.3.0", error: "minCurrentVersion: must be below"),
    Body(field: "manifest", value: ["payload": ""], error: "manifest: must be text"),
    Body(field: "manifest", value: "{}", error: "manifest: "),
    Body(field: "isforced", value: true, error: "isforced: is not a field of a release"),
  ]

  @Test(arguments: bodies)
  func whatIsWrongWithAFieldIsSaidByItsName(_ body: Body) async throws {
    try await ArtifactFixture.with { fixture, server in
      let answer = try await server.send(
        "POST", Self.path, ControlCenterTestServer.release("2.3.0") { $0[body.field] = body.value })
      #expect(answer.status == 422)
      #expect(answer.error.contains(body.error), "\(answer.error)")
      #expect(try await fixture.count("gcc_release") == 0)
    }
  }

  @Test func bodiesThatAreNoneAreRefused() async throws {
    try await ArtifactFixture.with { fixture, server in
      func send(_ body: [UInt8], _ type: String = "application/json", token: String? = "ci") async throws -> Int {
        try await server.send("POST", Self.path, bytes: body, contentType: type, token: token).status
      }
      let whole = ControlCenterTestServer.release("1.0.0").serialized()
      let half = try await send(Array(whole.dropLast(3)))
      #expect(half == 400)
      #expect(try await send(Array("[]".utf8)) == 400)
      #expect(try await send([]) == 400)
      #expect(try await send(whole, "application/x-www-form-urlencoded") == 415)
      #expect(try await send([UInt8](repeating: 0x20, count: 5 << 20)) == 413)
      #expect(try await send(whole, token: nil) == 401)
      #expect(try await send(whole, token: "customer-of-acme") == 403)
      #expect(try await server.send("DELETE", Self.path).status == 405)
      #expect(try await fixture.count("gcc_release") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func releasesAreListedInPages(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      let versions = ["1.0.0", "1.0.0-rc.1", "1.10.0", "1.2.0", "2.0.0"]
      for version in versions.shuffled() {
        _ = try await server.send("POST", Self.path, ControlCenterTestServer.release(version))
      }
      var listed: [String] = []
      var token: String?
      repeat {
        let page = try await server.send("GET", "\(Self.path)?limit=2" + (token.map { "&continue=\($0)" } ?? ""))
        listed += (page.json["releases"]?.array ?? []).compactMap { $0["version"]?.string }
        token = page.json["continue"]?.string
      } while token != nil
      #expect(listed == versions)
      #expect(try await server.send("GET", "\(Self.path)?limit=501").status == 400)
      #expect(try await server.send("GET", "\(Self.path)?continue=x").status == 400)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseIsNotPublishedWhileAnArtifactComesOrIsGone(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      _ = try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0")
      _ = try await server.send("POST", Self.path, ControlCenterTestServer.release("1.0.0"))
      let claim = ArtifactKey(version: try ReleaseVersion("1.0.0"), type: .compose)
      _ = try await fixture.store.claims.holding(claim) { _ in
        let answer = try await server.send("POST", "\(Self.path)/1.0.0/publish")
        #expect(answer.status == 409)
        #expect(answer.error.contains("upload of the Compose bundle 1.0.0 has not ended"), "\(answer.error)")
      }
      let bucket = fixture.bucket
      try await bucket.delete("charts/helm/wrktalk-1.0.0.tgz")
      let answer = try await server.send("POST", "\(Self.path)/1.0.0/publish")
      #expect(answer.status == 409)
      #expect(answer.error.contains("not in the bucket"))
      _ = try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0")
      #expect(try await server.send("POST", "\(Self.path)/1.0.0/publish").status == 200)
    }
  }

  @Test(arguments: TestDatabase.available)
  func uploadsAndPublishingAtTheSameTimeAgree(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind, putDelay: .milliseconds(20)) { fixture, server in
      for number in 0..<5 {
        let version = "1.0.\(number)"
        _ = try await server.upload(TestArchive.chart(version), version: version)
        _ = try await server.send("POST", Self.path, ControlCenterTestServer.release(version))
        try await withThrowingTaskGroup(of: Void.self) { group in
          for payload in ["a", "b"] {
            group.addTask {
              let answer = try await server.upload(TestArchive.chart(version, payload: payload), version: version)
              #expect([200, 409].contains(answer.status), "\(answer.error)")
            }
          }
          for _ in 0..<2 {
            group.addTask {
              var status = 0
              repeat {
                status = try await server.send("POST", "\(Self.path)/\(version)/publish").status
                if status == 409 { try await Task.sleep(for: .milliseconds(10)) }
              } while status == 409
              #expect(status == 200)
            }
          }
          try await group.waitForAll()
        }
      }
      let wrong = try await fixture.rows(
        """
        SELECT r.version FROM gcc_release r LEFT JOIN gcc_artifact a ON a.version = r.version AND a.type = 'helm'
        WHERE a.sha256 IS NULL OR a.sha256 <> r."helmChartSha256"
        """)
      #expect(wrong.isEmpty)
      try await fixture.expectAgreement()
    }
  }
}
