import Database
import FleetProtocol
import HTTPTypes
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct SettingTests {
  private static func add(
    _ front: BackendFront, _ key: String, _ value: String
  ) async throws -> JSONValue? {
    try await front.send(
      .post, "/internal/config", ["key": .string(key), "value": .string(value)], token: "agent"
    ).json["created"]
  }

  @Test(arguments: TestDatabase.available)
  func whatAReleaseBringsIsThereOnceAndNeverOverWhatAnAdminDid(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      #expect(try await Self.add(front, "NEW_FEATURE", "false") == nil, "no release brings it")
      _ = try await fixture.addDownloaded(
        BackendFixture.offer("2.3.0", settings: [.init(key: "NEW_FEATURE", value: "false")]))
      #expect(try await Self.add(front, "NEW_FEATURE", "false") == true)
      let set = try await front.send(
        .post, "/api/admin/config",
        ["key": "NEW_FEATURE", "value": "true", "description": "Shows it", "category": "feature"], token: "operator")
      #expect(set.json["created"] == false)
      #expect(set.json["value"] == "true")
      #expect(try await Self.add(front, "NEW_FEATURE", "false") == false)
      let list = try await front.send(.get, "/api/admin/config", token: "viewer").json["settings"]?.array
      #expect(list?.map { $0["value"] } == ["true"])
      #expect(list?.first?["description"] == "Shows it" && list?.first?["updatedBy"] == "the-operator")

      fixture.advance(.seconds(60))
      #expect(try await front.send(.delete, "/api/admin/config/NEW_FEATURE", token: "admin").status == 200)
      #expect(try await front.send(.delete, "/api/admin/config/NEW_FEATURE", token: "admin").status == 404)
      #expect(try await Self.add(front, "NEW_FEATURE", "false") == false)
      #expect(try await fixture.query("SELECT key FROM non_essential_env").isEmpty)
      // An admin may have it again.
      let again = try await front.send(
        .post, "/api/admin/config", ["key": "NEW_FEATURE", "value": "1"], token: "admin")
      #expect(again.json["created"] == true)

      let history = try await front.send(.get, "/api/admin/config/NEW_FEATURE/history", token: "viewer")
      let changes = history.json["changes"]?.array ?? []
      #expect(changes.map { $0["action"] } == ["changed", "removed", "changed", "added"])
      #expect(changes.map { $0["from"] } == [.null, "true", "false", .null])
      #expect(changes.map { $0["to"] } == ["1", .null, "true", "false"])
      #expect(changes.map { $0["by"] } == ["the-admin", "the-admin", "the-operator", "the-agent"])
      #expect(changes.first?["at"]?.string.flatMap { Timestamp($0) } == fixture.now)
      #expect(
        try await fixture.audited() == ["SettingAdded", "SettingChanged", "SettingRemoved", "SettingChanged"])
    }
  }

  @Test(arguments: TestDatabase.available) func onlyWhatWasSeenIsChanged(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      func set(_ value: String, _ tag: String?) async throws -> BackendFront.Answer {
        try await front.send(
          .post, "/api/admin/config", ["key": "A", "value": .string(value)], token: "admin",
          headers: tag.map { [("If-Match", "\"\($0)\"")] } ?? [])
      }
      #expect(try await set("1", "*").status == 409)
      let first = try #require(try await set("1", nil).json["etag"]?.string)
      let second = try #require(try await set("2", first).json["etag"]?.string)
      #expect(first != second)
      #expect(try await set("3", first).status == 409)
      #expect(try await set("3", second).status == 200)
      let remove = try await front.send(
        .delete, "/api/admin/config/A", token: "admin", headers: [("If-Match", "\"\(second)\"")])
      #expect(remove.status == 409)
      #expect(try await set("4", "*").status == 200)
    }
  }

  @Test func settingsAreListedInPages() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      for number in 10...24 {
        let body: JSONValue = [
          "key": .string("KEY_\(number)"), "value": "v", "category": .string(number < 20 ? "ui" : "logging"),
        ]
        _ = try await front.send(.post, "/api/admin/config", body, token: "admin")
      }
      var (keys, token): ([String], String?) = ([], nil)
      repeat {
        let answer = try await front.send(
          .get, "/api/admin/config?limit=4" + (token.map { "&continue=\($0)" } ?? ""), token: "admin")
        keys += (answer.json["settings"]?.array ?? []).compactMap { $0["key"]?.string }
        token = answer.json["continue"]?.string
      } while token != nil
      #expect(keys == (10...24).map { "KEY_\($0)" })
      let filtered = try await front.send(.get, "/api/admin/config?category=logging", token: "admin")
      #expect(filtered.json["settings"]?.array?.count == 5)
      for query in ["limit=0", "limit=501", "limit=x"] {
        #expect(try await front.send(.get, "/api/admin/config?\(query)", token: "admin").status == 400)
      }
    }
  }

  @Test(
    arguments: [
      ["key": "LD_PRELOAD", "value": "x"], ["key": "https_proxy", "value": "x"], ["key": "A-B", "value": "x"],
      ["key": "A", "value": 1], ["key": "A", "value": "a\u{0}b"], ["key": "A", "value": "x", "description": 1],
      ["key": "A", "value": "x", "category": .string(String(repeating: "x", count: 65))],
      ["key": "A", "value": "x", "description": .string(String(repeating: "x", count: 1025))],
      ["key": "A", "value": .string(String(repeating: "x", count: 33_000))],
    ] as [JSONValue])
  func settingsThatAreNoneAreRefusedFromAdminsToo(_ body: JSONValue) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let status = try await front.send(.post, "/api/admin/config", body, token: "admin").status
      #expect([400, 422].contains(status))
      #expect(try await fixture.query("SELECT key FROM non_essential_env").isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available) func whatIsKeptIsBounded(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      let large = String(repeating: "x", count: 32 << 10)
      for number in 1...60 {
        let body: JSONValue = ["key": "A", "value": .string("\(number)")]
        #expect(try await front.send(.post, "/api/admin/config", body, token: "admin").status == 200)
      }
      let history = try await front.send(.get, "/api/admin/config/A/history", token: "admin")
      #expect(history.json["changes"]?.array?.count == 50)
      var statuses: [Int] = []
      for number in 1...130 {
        let body: JSONValue = ["key": .string("LARGE_\(number)"), "value": .string(large)]
        statuses.append(try await front.send(.post, "/api/admin/config", body, token: "admin").status)
      }
      #expect(statuses.first == 200 && statuses.last == 403)
      // Less is always possible.
      #expect(
        try await front.send(.post, "/api/admin/config", ["key": "LARGE_1", "value": "s"], token: "admin").status == 200
      )
      // A value in the audit is cut.
      let longest = try await fixture.query("SELECT max(length(detail)) FROM audit_entry").first?[0].integer
      #expect((longest ?? 0) < 3000)
    }
  }

  // MARK: deployment_config

  @Test(arguments: TestDatabase.available)
  func theRowOfTheSpecificationHasTheEnvironmentsNamesAndNoSecretInPlainText(_ kind: TestDatabase) async throws {
    let environment = [
      "WRKTALK_GCC_API_KEY": "very-secret-key", "WRKTALK_WEBHOOK_SECRET": "very-secret-hook",
      "WRKTALK_BUCKET_NAME": "customer-wrktalk", "WRKTALK_BUCKET_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id",
      "AWS_SECRET_ACCESS_KEY": "secret",
    ]
    try await BackendFixture.with(kind, environment: environment) { fixture in
      try await fixture.parts.prepare()
      let read = {
        try #require(
          try await fixture.query(
            """
            SELECT "gccEndpoint", "bucketProvider", "bucketName", "bucketRegion", "gccApiKey", "webhookSecret"
            FROM deployment_config
            """
          ).first)
      }
      let row = try await read()
      #expect(
        row.values.prefix(4) == [
          .text("http://127.0.0.1:1"), .text("s3"), .text("customer-wrktalk"), .text("eu-central-1"),
        ])
      for secret in row.values.suffix(2) {
        #expect(secret.text?.hasPrefix("v1:") == true && secret.text?.contains("very") == false)
      }
      // Sealed once: a start that changes nothing writes nothing.
      try await fixture.parts.prepare()
      #expect(try await read().values == row.values)
    }
  }
}
