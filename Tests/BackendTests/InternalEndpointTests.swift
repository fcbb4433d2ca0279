import Accounts
import Audit
import Database
import FleetProtocol
import HTTPService
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ResourceModel
import ResourceStorage
import Testing
import WireFormats

@testable import Access
@testable import Backend

@Suite struct InternalEndpointTests {
  private func endpoints() async throws -> (InternalEndpoints, SettingStore) {
    let database = try await BackendDatabase.open()
    let settings = SettingStore(
      database: database, audit: AuditLedger(now: { Timestamp(seconds: 0) }), makeID: { "id" },
      now: { Timestamp(seconds: 0) })
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let releases = ReleaseSettings(
      store: SQLResourceStore(
        database: database, kinds: BackendKinds.stored, options: StoreOptions(now: { Timestamp(seconds: 0) }),
        logger: logger),
      recordKey: ObjectKey(namespace: "wrktalk", name: "wrktalk"))
    let offer = BackendFixture.offer(
      "2.3.0", settings: [.init(key: "NEW_FEATURE", value: "false"), .init(key: "A", value: "b")])
    try await database.transaction(.write) { connection in
      _ = try connection.execute(
        """
        INSERT INTO scheduled_deployment (id, "gccReleaseId", "releaseName", version, "releaseData")
        VALUES ('d', 'r', 'v2.3.0', '2.3.0', $1)
        """, [.text(offer.json.text)])
    }
    return (InternalEndpoints(settings: settings, releases: releases), settings)
  }

  private static let agent = AuditActor(name: "agent-1", roles: "agent")

  /// As the server carries it out, for a caller of that role.
  private func answer(
    _ endpoints: InternalEndpoints, _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil,
    role: Role = .agent
  ) async throws -> HTTPResponse.Status {
    let front = ServiceFront(
      configuration: ServiceConfiguration(), authenticator: OneRole(role: role), policy: BackendAccess.policy,
      isReady: { true }, addRoutes: { endpoints.addRoutes(to: $0) })
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    head.headerFields[.authorization] = "Bearer token"
    if body != nil { head.headerFields[.contentType] = "application/json" }
    let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: body?.serialized() ?? [])))
    let context = ServiceContext(
      source: ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: Logger(label: "test")))
    return try await front.respond(to: request, context: context).status
  }

  /// Knows every token as that of somebody with one role.
  private struct OneRole: Authenticator {
    var role: Role

    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      Identity(name: "x", role: role)
    }
  }

  @Test func aSettingIsAddedOnceAndNeverOverwritten() async throws {
    let (endpoints, settings) = try await endpoints()
    #expect(
      try await endpoints.addSetting(
        JSONValue.object(["key": "NEW_FEATURE", "value": "false"]).serialized(), by: Self.agent) == ["created": true])
    #expect(
      try await endpoints.addSetting(
        JSONValue.object(["key": "NEW_FEATURE", "value": "true"]).serialized(), by: Self.agent) == ["created": false])
    let rows = try await settings.database.transaction(.read) { connection in
      try connection.query("SELECT value FROM non_essential_env WHERE key = $1", [.text("NEW_FEATURE")])
    }
    #expect(rows.map { $0[0].text } == ["false"])
    #expect(try await settings.history("NEW_FEATURE").map(\.by) == ["agent-1"])
    let entries = try await settings.database.transaction(.read) { connection in
      try connection.query("SELECT action, actor, object FROM audit_entry")
    }
    #expect(entries.map { $0.values } == [[.text("SettingAdded"), .text("agent-1"), .text("NEW_FEATURE")]])
  }

  /// Whoever has an Agent's token could set what a release is to bring before it does.
  @Test(arguments: [("OTHER", "false"), ("NEW_FEATURE", "https://evil.example"), ("NEW_FEATUR_", "false")])
  func whatNoReleaseBringsIsRefused(key: String, value: String) async throws {
    let (endpoints, settings) = try await endpoints()
    let body = JSONValue.object(["key": .string(key), "value": .string(value)]).serialized()
    let error = await #expect(throws: StatusError.self) { try await endpoints.addSetting(body, by: Self.agent) }
    #expect(error?.reason == .forbidden)
    let count = try await settings.database.transaction(.read) { connection in
      try connection.query("SELECT 1 FROM non_essential_env").count
    }
    #expect(count == 0)
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
    await #expect(throws: StatusError.self) { try await endpoints.addSetting(body.serialized(), by: Self.agent) }
  }

  @Test(arguments: [(Role.agent, 200), (.admin, 200), (.viewer, 403)])
  func theyAreForAgentsAndAdmins(role: Role, status: Int) async throws {
    let (endpoints, _) = try await endpoints()
    #expect(
      try await answer(endpoints, .post, "/internal/config", ["key": "A", "value": "b"], role: role).code == status)
  }

  @Test func otherPathsAndMethodsAreNotServed() async throws {
    let (endpoints, _) = try await endpoints()
    #expect(try await answer(endpoints, .get, "/internal/other").code == 404)
    #expect(try await answer(endpoints, .get, "/internal/config").code == 405)
    #expect(try await answer(endpoints, .post, "/internal/config", ["key": "1"]).code == 400)
  }
}
