import Access
import Database
import HTTPTypes
import Hummingbird
import NIOEmbedded
import TestSupport
import Testing
import WireFormats

@testable import Accounts
@testable import Backend
@testable import HTTPService

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct SessionTests {
  private typealias Browser = BackendFront.Browser

  @Test(arguments: TestDatabase.available)
  func aSessionReadsAndWithItsHeaderTokenChanges(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("Ann@example.com", in: fixture)
      let session = try await front.send(.get, "/api/admin/session", browser: browser)
      #expect(session.status == 200)
      #expect(session.json["name"] == "Ann@example.com")
      #expect(session.json["roles"] == ["admin"])
      // A new page has to get the header token by the password.
      #expect(session.json["headerToken"] == nil)
      #expect(try await front.send(.get, "/api/admin/config", browser: browser).status == 200)
      let set = try await front.send(.post, "/api/admin/config", ["key": "A", "value": "b"], browser: browser)
      #expect(set.status == 200)
      #expect(set.json["updatedBy"] == "Ann@example.com")
      // The resource API, too.
      let path = "/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
      #expect(try await front.send(.get, path, browser: browser).status == 200)
    }
  }

  @Test func theCookieIsNobodyElses() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("ann@example.com")
      let answer = try await front.signIn("ann@example.com")
      let cookie = try #require(answer.cookies.first { $0.hasPrefix("__Host-wrktalk=wts_") })
      for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] { #expect(cookie.contains(part)) }
      #expect(!cookie.contains("Domain") && !cookie.contains("Max-Age"))
      // What is kept lets nobody in.
      let secret = try #require(cookie.split(separator: ";").first?.dropFirst("__Host-wrktalk=".count))
      let kept = try await fixture.query("SELECT * FROM admin_session")
      #expect(kept.count == 1)
      #expect(!kept[0].values.contains(.text(String(secret))))
    }
  }

  /// Host, Origin, what the cookie begins with.
  @Test(
    arguments: [
      ("localhost:3000", "http://localhost:3000", "wrktalk="), ("127.0.0.1:3000", "http://127.0.0.1:3000", "wrktalk="),
      ("[::1]:3000", "http://[::1]:3000", "wrktalk="), ("localhost", "https://localhost", "__Host-wrktalk="),
      ("tower.example.com", "https://tower.example.com", "__Host-wrktalk="),
      ("tower.example.com:443", "https://tower.example.com", "__Host-wrktalk="),
      ("Tower.Example.com", "https://tower.example.com", "__Host-wrktalk="),
    ])
  func onlyWhereNothingLeavesTheMachineTheCookieIsPlain(host: String, origin: String, prefix: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("ann@example.com")
      var browser = Browser(host: host, origin: origin)
      let answer = try await front.signIn("ann@example.com", browser: browser)
      #expect(answer.status == 200, "\(answer.error)")
      #expect(answer.cookies.contains { $0.hasPrefix(prefix) && $0.contains("Secure") == prefix.hasPrefix("__Host") })
      browser.take(answer)
      #expect(try await front.send(.get, "/api/admin/session", browser: browser).status == 200)
      // Another site of the same domain can set the plain name; it counts on this machine only.
      var other = Browser()
      other.cookies = ["wrktalk": browser.cookies["wrktalk"] ?? browser.session ?? ""]
      #expect(try await front.send(.get, "/api/admin/session", browser: other).status == 401)
    }
  }

  @Test(
    arguments: [
      "https://evil.example", "https://tower.example.com.evil.example", "http://tower.example.com", "null", "",
      "https://tower.example.com:444", "https://eviltower.example.com", "https://tower.example.com/", "file://",
    ])
  func pagesOfOtherOriginsDoNothing(origin: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      var browser = try await front.browser("ann@example.com", in: fixture)
      browser.origin = origin
      let change = try await front.send(.post, "/api/admin/config", ["key": "A", "value": "b"], browser: browser)
      #expect(change.status == 403)
      #expect(try await front.send(.delete, "/api/admin/session", browser: browser).status == 403)
      // Nor do they sign anybody in as somebody else.
      #expect(try await front.signIn("ann@example.com", browser: browser).status == 403)
      browser.origin = nil
      #expect(
        try await front.send(.post, "/api/admin/config", ["key": "A", "value": "b"], browser: browser).status == 403)
      for site in ["cross-site", "same-site"] {
        let answer = try await front.send(
          .get, "/api/admin/config", browser: browser, headers: [("Sec-Fetch-Site", site)])
        #expect(answer.status == 403)
      }
      #expect(try await fixture.query("SELECT key FROM non_essential_env").isEmpty)
    }
  }

  /// Every route there is, with the cookie alone, with a wrong header token, and with another session's.
  @Test func aStolenCookieAloneChangesNothing() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      let other = try await front.browser("bob@example.com", in: fixture)
      var thief = browser
      let deployments = "/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
      let resources: [(HTTPRequest.Method, String)] = [
        (.post, deployments), (.delete, "\(deployments)/wrktalk"), (.patch, "\(deployments)/wrktalk"),
        (.put, "\(deployments)/wrktalk"), (.delete, deployments),
      ]
      for token in [nil, "", "wrong", other.headerToken] {
        thief.headerToken = token
        for (method, path) in front.routes.map({ ($0.method, $0.path) }) + resources
        where method != .get && method != .head && method != .options {
          // Without an identity provider there is nothing there.
          if path.hasSuffix("/oidc") || path.hasSuffix("/oidc/begin") { continue }
          let path = path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
          let answer = try await front.send(method, "/" + path, ["key": "A", "value": "b"], browser: thief)
          // Signing in and the proof of a password need more than the cookie, and refuse this body.
          #expect([400, 401, 403, 405].contains(answer.status), "\(method) \(path): \(answer.status)")
        }
      }
      #expect(try await front.send(.get, "/api/admin/session", browser: browser).status == 200)
      #expect(try await fixture.query("SELECT key FROM non_essential_env").isEmpty)
      #expect(try await fixture.query("SELECT id FROM admin").count == 2)
    }
  }

  @Test func neitherIsGoodInTheOthersPlace() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      let secret = try #require(browser.session)
      #expect(try await front.send(.get, "/api/admin/config", token: secret).status == 401)
      for cookie in [
        "admin", TokenFormat.make(), "wts_", TokenFormat.makeSession(), String(repeating: "x", count: 9000),
      ] {
        let forged = Browser(cookies: ["__Host-wrktalk": cookie], headerToken: browser.headerToken)
        #expect(try await front.send(.get, "/api/admin/config", browser: forged).status == 401)
      }
      // A token needs no header token, as ever, and wins over a cookie.
      let answer = try await front.send(
        .post, "/api/admin/config", ["key": "A", "value": "b"], token: "operator",
        browser: Browser(cookies: browser.cookies, origin: nil))
      #expect(answer.json["updatedBy"] == "the-operator")
    }
  }

  @Test func aBodyWithoutATypeIsRefusedFromASession() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      for type in ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = [("Content-Type", type)]
        let body: JSONValue = ["key": "A", "value": "b"]
        #expect(
          try await front.send(.post, "/api/admin/config", body, browser: browser, headers: headers).status == 415)
        #expect(try await front.signIn("ann@example.com", browser: browser, headers: headers).status == 415)
      }
    }
  }

  // MARK: Its end

  @Test(arguments: TestDatabase.available) func itEndsWhenItIsNotUsed(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      for _ in 1...3 {
        fixture.advance(.seconds(29 * 60))
        #expect(try await front.send(.get, "/api/admin/session", browser: browser).status == 200)
      }
      // What a page watches by itself is no use.
      fixture.advance(.seconds(20 * 60))
      let path = "/api/admin/config?watch=1"
      #expect(try await front.send(.get, path, browser: browser).status == 200)
      fixture.advance(.seconds(10 * 60))
      let ended = try await front.send(.get, "/api/admin/session", browser: browser)
      #expect(ended.status == 401)
      #expect(ended.error.contains("sign in"))
    }
  }

  @Test func itEndsAfterTwelveHoursHoweverItIsUsed() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      for quarter in 1...48 {
        fixture.advance(.seconds(15 * 60))
        let status = try await front.send(.get, "/api/admin/session", browser: browser).status
        #expect(status == (quarter < 48 ? 200 : 401), "after \(quarter) quarters of an hour")
      }
    }
  }

  enum Ending: String, Sendable, CaseIterable {
    case signOut, disabled, role, passwordReset, ownPassword, removed
  }

  /// Also for what is being watched, and for a process that has it in its memory.
  @Test(arguments: Ending.allCases) func itEndsWithWhatItRestsOn(_ ending: Ending) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("root@example.com")
      let ann = try await fixture.addAccount("ann@example.com")
      var (browser, elsewhere) = (Browser(), Browser())
      browser.take(try await front.signIn("ann@example.com"))
      elsewhere.take(try await front.signIn("ann@example.com"))
      // Another process over the same database.
      let other = SessionLedger(database: fixture.database, now: { fixture.now }, makeID: { "x" })
      let secret = try #require(browser.session)
      let held = try await caller(fixture, browser)
      #expect(try await held.isStillValid())
      #expect(try await other.session(forToken: secret, isUse: true, mayLookUp: {}) != nil)

      var change = AccountChange()
      let actor = AuditActor(name: "test")
      switch ending {
      case .signOut:
        let answer = try await front.send(.delete, "/api/admin/session", browser: browser)
        #expect(answer.status == 200)
        #expect(answer.cookies.contains { $0.hasPrefix("__Host-wrktalk=;") && $0.contains("Max-Age=0") })
      case .disabled: change.state = .disabled
      case .role: change.role = .viewer
      case .passwordReset: change.resetsPassword = true
      case .ownPassword:
        let body: JSONValue = [
          "currentPassword": .string(BackendFront.password), "newPassword": "another staple of horses",
        ]
        #expect(
          try await front.send(.post, "/api/admin/session/password", body, browser: elsewhere).status == 200)
      case .removed: try await fixture.parts.people.accounts.remove(.id(ann.id), by: actor)
      }
      if change != AccountChange() {
        _ = try await fixture.parts.people.accounts.change(.id(ann.id), change, by: actor)
      }

      #expect(try await !held.isStillValid())
      #expect(try await front.send(.get, "/api/admin/session", browser: browser).status == 401)
      fixture.advance(.seconds(6))
      #expect(try await other.session(forToken: secret, isUse: true, mayLookUp: {}) == nil)
      // One's own other sessions end with a new password, and that one goes on.
      let stays = ending == .signOut || ending == .ownPassword
      #expect(try await front.send(.get, "/api/admin/session", browser: elsewhere).status == (stays ? 200 : 401))
    }
  }

  private func caller(_ fixture: BackendFixture, _ browser: Browser) async throws -> Caller {
    let authentication = RequestAuthentication(
      BackendFront.RoleNames(), fixture.parts.people.sessions, ServiceConfiguration())
    var head = HTTPRequest(method: .get, scheme: "http", authority: browser.host, path: "/")
    head.headerFields[.cookie] = browser.cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
    return try await authentication.caller(Request(head: head, body: RequestBody(buffer: .init())), peer: nil)
  }

  @Test func anAccountHasTenSessionsAtMost() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("ann@example.com")
      var first = Browser()
      first.take(try await front.signIn("ann@example.com"))
      for _ in 1...SessionLedger.maximumPerAccount {
        fixture.advance(.seconds(6))
        #expect(try await front.signIn("ann@example.com").status == 200)
      }
      #expect(try await front.send(.get, "/api/admin/session", browser: first).status == 401)
      #expect(try await fixture.query("SELECT id FROM admin_session").count == SessionLedger.maximumPerAccount)
      // Those that are over leave nothing behind.
      fixture.advance(.seconds(13 * 3600))
      #expect(try await front.signIn("ann@example.com").status == 200)
      #expect(try await fixture.query("SELECT id FROM admin_session").count == 1)
    }
  }

  // MARK: Proving it once more

  @Test func whatMattersNeedsAProofOfTheLastTenMinutes() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      func create(_ name: String) async throws -> Int {
        try await front.send(
          .post, "/api/admin/accounts", ["email": .string("\(name)@example.com"), "role": "viewer"], browser: browser
        ).status
      }
      #expect(try await create("one") == 201)
      fixture.advance(.seconds(600))
      #expect(try await create("two") == 403)
      let path = "/api/admin/session/reauthenticate"
      let wrong = try await front.send(.post, path, ["password": "not the password"], browser: browser)
      #expect(wrong.status == 401)
      #expect(try await create("two") == 403)
      // A page that was opened anew has no header token, and gets it here.
      var newPage = browser
      newPage.headerToken = nil
      let right = try await front.send(
        .post, path, ["password": .string(BackendFront.password)], browser: newPage)
      #expect(right.status == 200)
      #expect(right.json["headerToken"]?.string == browser.headerToken)
      #expect(try await create("two") == 201)
      // Who sends a token proves with it who they are.
      let token = try await front.send(
        .post, "/api/admin/accounts", ["email": "three@example.com", "role": "viewer"], token: "admin")
      #expect(token.status == 201)
    }
  }
}
