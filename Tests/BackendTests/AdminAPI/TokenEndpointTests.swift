import Access
import Cryptography
import Database
import HTTPTypes
import TestSupport
import Testing
import WireFormats

@testable import Accounts
@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct TokenEndpointTests {
  private static let path = "/api/admin/tokens"

  @Test(arguments: TestDatabase.available)
  func aTokenIsShownOnceAndIsWorthlessOnceItIsRevoked(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let made = try await fixture.send(
        .post, Self.path, ["name": "agent-1", "role": "agent", "namespace": "wrktalk", "expiresInDays": 90])
      #expect(made.status == 201, "\(made.json.text)")
      let token = try #require(made.json["token"]?.string)
      let tokens = TokenStore(database: fixture.database)
      let record = try #require(try await tokens.find(digest: SHA256.digest(of: token).bytes))
      #expect(
        record.roles == [.agent] && record.tenant == "wrktalk" && record.expiresAt == fixture.now + .seconds(7_776_000))
      #expect(AgentBinding(record.identity)?.lease == AgentBinding.standardLease)

      let list = try await fixture.send(.get, Self.path).json
      #expect(list["tokens"]?.array?.map { $0["name"] } == ["agent-1"])
      #expect(!list.text.contains(token) && !list.text.contains(Hexadecimal.encode(record.digest)))

      #expect(try await fixture.send(.delete, "\(Self.path)/agent-1").status == 200)
      #expect(try await tokens.find(digest: record.digest) == nil)
      #expect(try await fixture.send(.delete, "\(Self.path)/agent-1").status == 404)
      #expect(try await fixture.audited() == ["TokenCreated", "TokenRevoked"])
    }
  }

  @Test func whatIsWrongIsNamedAndMakesNothing() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let wrong: [(JSONValue, Int, String)] = [
        ([:], 422, "name:"), (["name": "with space", "role": "viewer"], 422, "name:"),
        (["name": "a/b", "role": "viewer"], 422, "name:"), (["name": "x", "role": "king"], 422, "role:"),
        (["name": "x", "role": "agent"], 422, "namespace:"),
        (["name": "x", "role": "viewer", "namespace": "wrktalk"], 422, "namespace:"),
        (["name": "x", "role": "agent", "namespace": "Not A Label"], 422, "namespace:"),
        (["name": "x", "role": "viewer", "expiresInDays": 0], 422, "expiresInDays:"),
        (["name": "x", "role": "viewer", "expiresInDays": "soon"], 422, "expiresInDays:"),
      ]
      for (body, status, field) in wrong {
        let answer = try await fixture.send(.post, Self.path, body)
        #expect(
          answer.status == status && answer.json["error"]?.string?.hasPrefix(field) == true, "\(answer.json.text)")
      }
      #expect(try await fixture.send(.post, Self.path, ["name": "ci", "role": "viewer"]).status == 201)
      #expect(try await fixture.send(.post, Self.path, ["name": "ci", "role": "admin"]).status == 409)
      #expect(try await fixture.send(.get, Self.path).json["tokens"]?.array?.count == 1)
    }
  }

  /// A session that somebody left open makes no way in that outlives it.
  @Test func aSessionProvesItselfOnceMoreFirst() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ada@example.com", in: fixture)
      #expect(try await front.send(.post, Self.path, ["name": "a", "role": "viewer"], browser: browser).status == 201)
      fixture.advance(SessionLedger.recency)
      #expect(try await front.send(.post, Self.path, ["name": "b", "role": "viewer"], browser: browser).status == 403)
      #expect(try await front.send(.delete, "\(Self.path)/a", browser: browser).status == 403)
      #expect(try await front.send(.get, Self.path, browser: browser).status == 200)
    }
  }

  /// A page that looks again and again by itself keeps nobody signed in.
  @Test func whatAPageAsksByItselfProlongsNoSession() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ada@example.com", in: fixture)
      for _ in 0..<4 {
        fixture.advance(SessionLedger.idleTimeout / 5)
        let answer = try await front.send(
          .get, "/api/admin/status", browser: browser, headers: [("X-WrkTalk-Unattended", "1")])
        #expect(answer.status == 200)
      }
      fixture.advance(SessionLedger.idleTimeout / 5)
      #expect(
        try await front.send(
          .get, "/api/admin/status", browser: browser, headers: [("X-WrkTalk-Unattended", "1")]
        ).status == 401)
    }
  }
}
