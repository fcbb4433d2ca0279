import Database
import ResourceModel
import ResourceServer
import Testing
import WireFormats

@testable import Backend

@Suite struct InternalEndpointTests {
  private func endpoints() async throws -> (InternalEndpoints, SettingStore) {
    let settings = SettingStore(database: try await BackendDatabase.open(), makeID: { "id" })
    let license = LicenseSource(license: nil, vendorKey: nil, read: { _ in nil })
    return (InternalEndpoints(settings: settings, license: license, now: { Timestamp(seconds: 0) }), settings)
  }

  private func post(_ endpoints: InternalEndpoints, _ body: JSONValue, role: Role = .agent) async throws -> JSONValue? {
    try await endpoints.respond(
      method: "POST", path: "/internal/config", identity: Identity(name: "x", role: role), body: body.serialized())
  }

  @Test func aSettingIsAddedOnceAndNeverOverwritten() async throws {
    let (endpoints, settings) = try await endpoints()
    #expect(try await post(endpoints, ["key": "NEW_FEATURE", "value": "false"]) == ["created": true])
    #expect(try await post(endpoints, ["key": "NEW_FEATURE", "value": "true"]) == ["created": false])
    let rows = try await settings.database.transaction(.read) { connection in
      try connection.query("SELECT value FROM non_essential_env WHERE key = $1", [.text("NEW_FEATURE")])
    }
    #expect(rows.map { $0[0].text } == ["false"])
  }

  /// Other programs write this table, too.
  @Test func timesOfASettingAreReadableAndFollowItsChanges() async throws {
    let (_, settings) = try await endpoints()
    let moments = try await settings.database.transaction(.write) { connection -> [String?] in
      func moment(_ column: String) throws -> String? {
        try connection.query("SELECT \"\(column)\" FROM non_essential_env").first?[0].text
      }
      try connection.execute("INSERT INTO non_essential_env (id, key, value) VALUES ('1', 'A', 'a')")
      let first = [try moment("createdAt"), try moment("updatedAt")]
      try connection.execute("UPDATE non_essential_env SET \"updatedAt\" = '2020-01-01T00:00:00Z'")
      try connection.execute("UPDATE non_essential_env SET value = 'b'")
      return first + [try moment("updatedAt")]
    }
    let times = moments.map { $0.flatMap { Timestamp($0) } }
    #expect(!times.contains(nil), "\(moments)")
    #expect(moments.last != "2020-01-01T00:00:00Z")
  }

  @Test(
    arguments: [
      [:], ["key": "A"], ["key": "1A", "value": ""], ["key": "A-B", "value": ""], ["key": "", "value": ""],
      ["key": "A", "value": 1], ["key": "A", "value": .string(String(repeating: "x", count: 40_000))], "text",
      ["key": "LD_PRELOAD", "value": "/evil.so"], ["key": "https_proxy", "value": "http://attacker.example"],
    ] as [JSONValue])
  func settingsThatAreNoneAreRefused(body: JSONValue) async throws {
    let (endpoints, _) = try await endpoints()
    await #expect(throws: StatusError.self) { try await post(endpoints, body) }
  }

  @Test func viewersMayNotUseThem() async throws {
    let (endpoints, _) = try await endpoints()
    let error = await #expect(throws: StatusError.self) {
      try await post(endpoints, ["key": "A", "value": "b"], role: .viewer)
    }
    #expect(error?.reason == .forbidden)
  }

  @Test func otherPathsAndMethodsAreNotServed() async throws {
    let (endpoints, _) = try await endpoints()
    let agent = Identity(name: "a", role: .agent)
    #expect(try await endpoints.respond(method: "GET", path: "/internal/other", identity: agent, body: []) == nil)
    let error = await #expect(throws: StatusError.self) {
      try await endpoints.respond(method: "GET", path: "/internal/config", identity: agent, body: [])
    }
    #expect(error?.reason == .methodNotAllowed)
  }
}
