import Access
import Cryptography
import Database
import HTTPTypes
import ProgramConfiguration
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Accounts
@testable import Backend

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct OIDCTests {
  private typealias Browser = BackendFront.Browser

  private static let clientID = "wrktalk"
  private static let roleMap = "wrktalk-admins=admin; ops=operator; cn=staff,dc=example=viewer"

  /// A Backend whose people sign in by an honest provider, until a test has it lie.
  private static func with(
    _ environment: [String: String] = [:], kind: TestDatabase = .sqlite,
    _ body: (BackendFixture, BackendFront, IdentityProvider) async throws -> Void
  ) async throws {
    let keys = try await IdentityProvider.Keys.all
    let provider = try IdentityProvider([keys.rsa, keys.ec])
    var standard = [
      "WRKTALK_OIDC_ISSUER": provider.url, "WRKTALK_OIDC_CLIENT_ID": clientID,
      "WRKTALK_EXTERNAL_URL": "https://\(BackendFront.host)", "WRKTALK_OIDC_ROLE_MAP": roleMap,
    ]
    standard.merge(environment) { $1 }
    try await BackendFixture.with(kind, environment: standard) { fixture in
      try await body(fixture, BackendFront(fixture), provider)
    }
  }

  /// What was begun: what the browser was sent away with.
  private struct Begun {
    var browser: Browser
    var query: [String: String]
  }

  private static func begin(
    _ front: BackendFront, browser: Browser = Browser(), reauthenticate: Bool = false
  ) async throws -> Begun {
    var browser = browser
    let answer = try await front.send(
      .post, "/api/admin/session/oidc/begin", reauthenticate ? ["reauthenticate": true] : [:], browser: browser)
    browser.take(answer)
    let url = try #require(answer.json["authorizationURL"]?.string, "\(answer.error)")
    let items = url.split(separator: "?").last?.split(separator: "&") ?? []
    let pairs = items.map { item in
      let pair = item.split(separator: "=", maxSplits: 1)
      return (String(pair[0]), PercentEncoding.decode(pair[1]) ?? "")
    }
    return Begun(browser: browser, query: Dictionary(pairs) { $1 })
  }

  private static func claims(
    _ begun: Begun, _ provider: IdentityProvider, _ now: Timestamp, subject: String = "subject-1",
    email: String = "ann@example.com"
  ) -> JSONValue {
    let second = now.microseconds / 1_000_000
    return [
      "iss": .string(provider.url), "aud": .string(clientID), "sub": .string(subject), "email": .string(email),
      "email_verified": true, "name": "Ann", "groups": ["ops", "else"], "iat": .integer(second),
      "exp": .integer(second + 300), "auth_time": .integer(second), "nonce": .string(begun.query["nonce"] ?? ""),
    ]
  }

  private static func finish(
    _ front: BackendFront, _ begun: Begun, _ provider: IdentityProvider, token: String, state: String? = nil
  ) async throws -> BackendFront.Answer {
    provider.change { $0.tokenAnswer = ["id_token": .string(token), "token_type": "Bearer"] }
    return try await front.send(
      .post, "/api/admin/session/oidc",
      ["code": "the-code", "state": .string(state ?? begun.query["state"] ?? "")], browser: begun.browser)
  }

  /// From beginning to end.
  private static func signIn(
    _ fixture: BackendFixture, _ front: BackendFront, _ provider: IdentityProvider, subject: String = "subject-1",
    email: String = "ann@example.com", key: IdentityProvider.Key? = nil
  ) async throws -> BackendFront.Answer {
    try await signIn(fixture, front, provider, subject: subject, email: email, key: key) { _ in }
  }

  private static func signIn(
    _ fixture: BackendFixture, _ front: BackendFront, _ provider: IdentityProvider, subject: String = "subject-1",
    email: String = "ann@example.com", key: IdentityProvider.Key? = nil,
    change: (inout JSONValue) -> Void
  ) async throws -> BackendFront.Answer {
    let begun = try await begin(front)
    var claims = claims(begun, provider, fixture.now, subject: subject, email: email)
    change(&claims)
    let keys = try await IdentityProvider.Keys.all
    return try await finish(
      front, begun, provider, token: try await IdentityProvider.sign(claims, key ?? keys.rsa))
  }

  @Test(arguments: TestDatabase.available)
  func whomTheProviderKnowsIsLetInWithTheRoleOfTheirGroups(_ kind: TestDatabase) async throws {
    try await Self.with(kind: kind) { fixture, front, provider in
      let offer = try await front.send(.get, "/api/admin/session/oidc")
      #expect(offer.json["enabled"] == true)
      let begun = try await Self.begin(front)
      #expect(begun.query["response_type"] == "code" && begun.query["client_id"] == "wrktalk")
      #expect(begun.query["redirect_uri"] == "https://tower.example.com/sign-in/oidc")
      #expect(begun.query["code_challenge_method"] == "S256" && begun.query["prompt"] == nil)
      #expect(begun.query["scope"]?.contains("openid") == true)
      let keys = try await IdentityProvider.Keys.all
      let token = try await IdentityProvider.sign(Self.claims(begun, provider, fixture.now), keys.rsa)
      let answer = try await Self.finish(front, begun, provider, token: token)
      #expect(answer.status == 200, "\(answer.error)")
      #expect(answer.json["name"] == "ann@example.com" && answer.json["roles"] == ["operator"])
      // What was begun is over.
      #expect(answer.cookies.contains { $0.hasPrefix("__Host-wrktalk-oidc=;") })
      let asked = provider.seen.forms
      #expect(asked.count == 1 && asked[0].authorization == nil)
      let form = asked[0].items
      #expect(form["grant_type"] == "authorization_code" && form["code"] == "the-code")
      #expect(form["redirect_uri"] == begun.query["redirect_uri"])
      let verifier = try #require(form["code_verifier"])
      #expect(Base64.encode(SHA256.digest(of: verifier).bytes, alphabet: .urlSafe) == begun.query["code_challenge"])

      var browser = begun.browser
      browser.take(answer)
      let set = try await front.send(.post, "/api/admin/config", ["key": "A", "value": "b"], browser: browser)
      #expect(set.status == 200)
      // The same person with other groups has another role, and older sessions end.
      let staff: JSONValue = ["cn=staff,dc=example"]
      let demoted = try await Self.signIn(fixture, front, provider, key: keys.ec) { $0["groups"] = staff }
      #expect(demoted.json["roles"] == ["viewer"])
      let admins: JSONValue = "wrktalk-admins"
      let promoted = try await Self.signIn(fixture, front, provider, key: keys.ec) { $0["groups"] = admins }
      #expect(promoted.json["roles"] == ["admin"])
      #expect(try await front.send(.get, "/api/admin/session", browser: browser).status == 401)
      #expect(try await fixture.query("SELECT id FROM admin").count == 1)
      #expect(provider.seen.discoveryRequests == 1)
      #expect(provider.seen.keySetRequests == 1)
      #expect(try await fixture.audited().filter { $0 == "SignedIn" }.count == 3)
      // By a password nobody gets into such an account.
      #expect(try await front.signIn("ann@example.com", "").status == 401)
    }
  }

  @Test func aSecretOfTheClientTravelsAsTheProviderWantsIt() async throws {
    let folder = try TemporaryFolder()
    try folder.write("s3cret/with+odd\n", to: "secret")
    try await Self.with(["WRKTALK_OIDC_CLIENT_SECRET_FILE": folder.file("secret")]) { fixture, front, provider in
      let first = try await Self.signIn(fixture, front, provider)
      #expect(first.status == 200)
      let authorization = provider.seen.forms.first?.authorization
      #expect(authorization == "Basic \(Base64.encode(Array("wrktalk:s3cret%2Fwith%2Bodd".utf8)))")
      fixture.advance(.seconds(3601))
      provider.change { $0.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"] }
      let second = try await Self.signIn(fixture, front, provider)
      #expect(second.status == 200)
      let form = provider.seen.forms.last?.items
      #expect(form?["client_secret"] == "s3cret/with+odd")
    }
  }

  // MARK: Lies

  struct Lie: Sendable, CustomTestStringConvertible {
    var title: String
    var change: @Sendable (inout JSONValue) -> Void
    var testDescription: String { title }
  }

  static let lies: [Lie] = [
    Lie(title: "another issuer") { $0["iss"] = "https://evil.example" },
    Lie(title: "no issuer") { $0["iss"] = nil },
    Lie(title: "for somebody else") { $0["aud"] = "another-client" },
    Lie(title: "for nobody") { $0["aud"] = nil },
    Lie(title: "for several, by nobody") { $0["aud"] = ["wrktalk", "another-client"] },
    Lie(title: "for several, by another") {
      $0["aud"] = ["wrktalk", "another-client"]
      $0["azp"] = "another-client"
    },
    Lie(title: "by another") { $0["azp"] = "another-client" },
    Lie(title: "expired") { $0["exp"] = .integer(BackendFixture.start.microseconds / 1_000_000 - 61) },
    Lie(title: "no expiry") { $0["exp"] = nil },
    Lie(title: "expiry as text") { $0["exp"] = "4000000000" },
    Lie(title: "expiry beyond all numbers") { $0["exp"] = .number(1e300) },
    Lie(title: "of the future") { $0["iat"] = .integer(BackendFixture.start.microseconds / 1_000_000 + 3600) },
    Lie(title: "of the past") { $0["iat"] = .integer(BackendFixture.start.microseconds / 1_000_000 - 3600) },
    Lie(title: "no time") { $0["iat"] = nil },
    Lie(title: "not valid yet") { $0["nbf"] = .integer(BackendFixture.start.microseconds / 1_000_000 + 3600) },
    Lie(title: "another nonce") { $0["nonce"] = "another" },
    Lie(title: "no nonce") { $0["nonce"] = nil },
    Lie(title: "nobody") { $0["sub"] = nil },
    Lie(title: "an empty name") { $0["sub"] = "" },
    Lie(title: "a number for a name") { $0["sub"] = 7 },
    Lie(title: "NUL in the name") { $0["sub"] = "a\u{0}b" },
  ]

  @Test(arguments: lies) func aTokenThatLiesIsNotBelieved(_ lie: Lie) async throws {
    try await Self.with { fixture, front, provider in
      let answer = try await Self.signIn(fixture, front, provider, change: lie.change)
      #expect(answer.status == 401, "\(answer.status) \(answer.error)")
      #expect(answer.json["headerToken"] == nil)
      #expect(!answer.cookies.contains { $0.hasPrefix("__Host-wrktalk=") })
      #expect(try await fixture.query("SELECT id FROM admin").isEmpty)
      #expect(try await fixture.audited() == ["SignInFailed"])
    }
  }

  /// What the person is told.
  @Test(
    arguments: [
      ("email_verified", false, "mail address"), ("email_verified", "true", "mail address"),
      ("email", "not an address", "mail address"), ("email", .null, "mail address"),
      ("groups", ["somebody", "else"], "groups"), ("groups", .null, "groups"),
      ("groups", ["wrktalk-admins": true], "groups"),
    ] as [(String, JSONValue, String)])
  func whoHasNoAccessIsTold(claim: String, value: JSONValue, reason: String) async throws {
    try await Self.with { fixture, front, provider in
      let answer = try await Self.signIn(fixture, front, provider) { $0[claim] = value }
      #expect(answer.status == 403)
      #expect(answer.error.contains(reason), "\(answer.error)")
      #expect(try await fixture.query("SELECT id FROM admin").isEmpty)
      #expect(try await fixture.audited() == ["SignInRefused"])
    }
  }

  @Test func signaturesThatAreNotTheProvidersAreRefused() async throws {
    let keys = try await IdentityProvider.Keys.all
    try await Self.with { fixture, front, provider in
      provider.change { $0.keys = [keys.rsa, keys.ec, keys.weakRSA] }
      let begun = try await Self.begin(front)
      let claims = Self.claims(begun, provider, fixture.now)
      let good = try await IdentityProvider.sign(claims, keys.rsa)
      let parts = good.split(separator: ".").map(String.init)
      var other = claims
      other["groups"] = ["wrktalk-admins"]
      let otherPart = Base64.encode(other.serialized(), alphabet: .urlSafe)
      func header(_ json: JSONValue) -> String { Base64.encode(json.serialized(), alphabet: .urlSafe) }
      // With the public key as the secret of an HMAC.
      let confused = header(["alg": "HS256", "kid": "rsa"]) + "." + parts[1]
      let code = HMACSHA256.authenticationCode(
        for: Array(confused.utf8), key: Array(keys.rsa.json["n"]?.string?.utf8 ?? "".utf8))
      let tokens = [
        header(["alg": "none"]) + ".\(parts[1]).", header(["alg": "none"]) + ".\(parts[1]).\(parts[2])",
        confused + "." + Base64.encode(code, alphabet: .urlSafe),
        "\(parts[0]).\(otherPart).\(parts[2])", "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])", "", "a.b.c",
        "..",
        good + "A", good + "." + parts[2], " " + good, String(repeating: "A", count: 40_000),
        try await IdentityProvider.sign(claims, keys.otherRSA),
        try await IdentityProvider.sign(claims, keys.weakRSA),
        // Another key under the name of a right one, and a key of another algorithm.
        try await IdentityProvider.sign(claims, keys.otherRSA, header: ["alg": "RS256", "kid": "rsa"]),
        try await IdentityProvider.sign(claims, keys.rsa, header: ["alg": "ES256", "kid": "ec"]),
        try await IdentityProvider.sign(claims, keys.rsa, header: ["alg": "RS512", "kid": "rsa"]),
        try await IdentityProvider.sign(claims, keys.rsa, header: ["alg": "RS256", "kid": "rsa", "crit": ["b64"]]),
        try await IdentityProvider.sign(claims, keys.rsa, header: ["alg": "RS256", "kid": 7, "jwk": keys.rsa.json]),
      ]
      for (number, token) in tokens.enumerated() {
        fixture.advance(.seconds(30))
        let begun = try await Self.begin(front, browser: begun.browser)
        let answer = try await Self.finish(front, begun, provider, token: token)
        // The last one names no key by text, and there is one of its algorithm: it answers another request.
        #expect(answer.status == 401, "token \(number): \(answer.status)")
      }
      #expect(try await fixture.query("SELECT id FROM admin").isEmpty)
    }
  }

  @Test func aNewKeyOfTheProviderIsFoundAndOldOnesEnd() async throws {
    let keys = try await IdentityProvider.Keys.all
    try await Self.with { fixture, front, provider in
      let first = try await Self.signIn(fixture, front, provider)
      #expect(first.status == 200)
      provider.change { $0.keys = [keys.otherRSA] }
      // Keys that nobody knows are not asked for again and again.
      #expect(try await Self.signIn(fixture, front, provider, key: keys.otherRSA).status == 401)
      fixture.advance(.seconds(31))
      #expect(try await Self.signIn(fixture, front, provider, key: keys.otherRSA).status == 200)
      #expect(provider.seen.keySetRequests == 2)
      #expect(try await Self.signIn(fixture, front, provider, key: keys.rsa).status == 401)
    }
  }

  @Test func whatAnotherBrowserBeganIsNotFinished() async throws {
    let keys = try await IdentityProvider.Keys.all
    try await Self.with { fixture, front, provider in
      let attacker = try await Self.begin(front)
      let token = try await IdentityProvider.sign(Self.claims(attacker, provider, fixture.now), keys.rsa)
      // Into another browser: nothing was begun there, or something else.
      var victim = attacker
      victim.browser = Browser()
      #expect(try await Self.finish(front, victim, provider, token: token).status == 401)
      victim.browser = try await Self.begin(front).browser
      #expect(try await Self.finish(front, victim, provider, token: token).status == 401)
      #expect(try await Self.finish(front, attacker, provider, token: token, state: "").status == 401)
      var forged = attacker
      forged.browser.cookies["__Host-wrktalk-oidc"]?.append("A")
      #expect(try await Self.finish(front, forged, provider, token: token).status == 401)
      #expect(provider.seen.forms.isEmpty)
      // A page of another origin finishes nothing, either.
      forged = attacker
      forged.browser.origin = "https://evil.example"
      #expect(try await Self.finish(front, forged, provider, token: token).status == 403)
      // Nor is what was begun long ago finished.
      fixture.advance(.seconds(600))
      #expect(try await Self.finish(front, attacker, provider, token: token).status == 401)
      let iss = try await front.send(
        .post, "/api/admin/session/oidc",
        ["code": "c", "state": .string(attacker.query["state"] ?? ""), "iss": "https://evil.example"],
        browser: attacker.browser)
      #expect(iss.status == 401)
    }
  }

  /// Groups that change must not leave a server that nobody may give access to.
  @Test func theLastAdminStaysOne() async throws {
    try await Self.with { fixture, front, provider in
      let ann = try await fixture.addAccount("Ann@example.com", .admin)
      let linked = try await front.send(
        .patch, "/api/admin/accounts/\(ann.id)",
        ["oidc": ["issuer": .string(provider.url), "subject": "subject-1"]], token: "admin")
      #expect(linked.status == 200)
      let entered = try await Self.signIn(fixture, front, provider)
      #expect(entered.json["name"] == "Ann@example.com" && entered.json["roles"] == ["admin"], "\(entered.json)")
    }
  }

  @Test func anAccountWithAPasswordIsNotTakenByItsAddress() async throws {
    try await Self.with { fixture, front, provider in
      let ann = try await fixture.addAccount("Ann@example.com", .admin)
      try await fixture.addAccount("eve@example.com", .admin)
      let answer = try await Self.signIn(fixture, front, provider)
      #expect(answer.status == 403)
      #expect(answer.error.contains("ask an admin"))
      // An admin links it, by subject.
      let linked = try await front.send(
        .patch, "/api/admin/accounts/\(ann.id)",
        ["oidc": ["issuer": .string(provider.url), "subject": "subject-1"]], token: "admin")
      #expect(linked.status == 200)
      let entered = try await Self.signIn(fixture, front, provider, email: "changed@example.com")
      #expect(entered.json["name"] == "Ann@example.com")
      // Another person with that address does not get in by it.
      #expect(try await Self.signIn(fixture, front, provider, subject: "subject-2").status == 403)
      _ = try await front.send(
        .patch, "/api/admin/accounts/\(ann.id)", ["role": "admin", "state": "active"], token: "admin")
      try await fixture.addAccount("root@example.com")
      _ = try await front.send(.patch, "/api/admin/accounts/\(ann.id)", ["state": "disabled"], token: "admin")
      #expect(try await Self.signIn(fixture, front, provider).error.contains("disabled"))
    }
  }

  @Test func withoutAMapOnlyWhomAnAdminInvitedComesIn() async throws {
    try await Self.with(["WRKTALK_OIDC_ROLE_MAP": ""]) { fixture, front, provider in
      let stranger = try await Self.signIn(fixture, front, provider)
      #expect(stranger.error.contains("no account"))
      let invited = try await front.send(
        .post, "/api/admin/accounts", ["email": "ann@example.com", "role": "viewer", "signIn": "oidc"], token: "admin")
      #expect(invited.status == 201 && invited.json["password"] == nil)
      #expect(try await Self.signIn(fixture, front, provider).json["roles"] == ["viewer"])
      // It is theirs from now on.
      #expect(try await Self.signIn(fixture, front, provider, subject: "subject-2").status == 403)
    }
  }

  @Test func aSignInOfLongAgoAtTheProviderIsNoRecentProof() async throws {
    let keys = try await IdentityProvider.Keys.all
    try await Self.with { fixture, front, provider in
      let second = fixture.now.microseconds / 1_000_000
      let answer = try await Self.signIn(fixture, front, provider) {
        $0["auth_time"] = .integer(second - 3600)
        $0["groups"] = ["wrktalk-admins"]
      }
      var browser = Browser()
      browser.take(answer)
      let body: JSONValue = ["email": "bob@example.com", "role": "viewer"]
      #expect(try await front.send(.post, "/api/admin/accounts", body, browser: browser).status == 403)

      let begun = try await Self.begin(front, browser: browser, reauthenticate: true)
      #expect(begun.query["prompt"] == "login" && begun.query["max_age"] == "0")
      // By a session that was open there, by somebody else, without a time.
      for change in [
        { $0["auth_time"] = .integer(second - 3600) }, { $0["auth_time"] = nil }, { $0["sub"] = "subject-2" },
      ] as [(inout JSONValue) -> Void] {
        var claims = Self.claims(begun, provider, fixture.now)
        change(&claims)
        let token = try await IdentityProvider.sign(claims, keys.rsa)
        #expect(try await Self.finish(front, begun, provider, token: token).status == 401)
      }
      let token = try await IdentityProvider.sign(Self.claims(begun, provider, fixture.now), keys.rsa)
      let proved = try await Self.finish(front, begun, provider, token: token)
      #expect(proved.status == 200 && proved.json["headerToken"]?.string == browser.headerToken)
      #expect(try await front.send(.post, "/api/admin/accounts", body, browser: browser).status == 201)
      // It was for this session.
      var other = begun
      other.browser.cookies["__Host-wrktalk"] = nil
      #expect(try await Self.finish(front, other, provider, token: token).status == 401)
    }
  }

  @Test(
    arguments: [
      ["issuer": "https://evil.example"], ["token_endpoint": "http://evil.example/token"], ["jwks_uri": .null],
      ["authorization_endpoint": "javascript:alert(1)"], ["jwks_uri": "file:///etc/passwd"],
    ] as [[String: JSONValue]])
  func aProviderThatPointsElsewhereIsNotUsed(_ metadata: [String: JSONValue]) async throws {
    try await Self.with { fixture, front, provider in
      provider.change { $0.metadata = metadata }
      let answer = try await front.send(.post, "/api/admin/session/oidc/begin", [:], browser: Browser())
      #expect(answer.status == 503)
      #expect(answer.json["authorizationURL"] == nil && answer.cookies.isEmpty)
    }
  }

  @Test func withoutAProviderThereIsNone() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      #expect(try await front.send(.get, "/api/admin/session/oidc").json["enabled"] == false)
      let begin = try await front.send(.post, "/api/admin/session/oidc/begin", [:], browser: Browser())
      #expect(begin.status == 404)
    }
  }

  @Test(
    arguments: [
      ["WRKTALK_OIDC_ISSUER": "http://idp.example.com"], ["WRKTALK_OIDC_ISSUER": "idp"],
      ["WRKTALK_OIDC_CLIENT_ID": ""], ["WRKTALK_EXTERNAL_URL": ""], ["WRKTALK_EXTERNAL_URL": "https://a/b"],
      ["WRKTALK_OIDC_ROLE_MAP": "a=root"], ["WRKTALK_OIDC_ROLE_MAP": "admin"], ["WRKTALK_OIDC_SCOPES": "email"],
      ["WRKTALK_OIDC_CLIENT_SECRET_FILE": "/nowhere/at/all"],
    ])
  func settingsThatMakeNoSenseAreRefused(_ change: [String: String]) throws {
    let environment = [
      "WRKTALK_OIDC_ISSUER": "https://idp.example.com", "WRKTALK_OIDC_CLIENT_ID": "wrktalk",
      "WRKTALK_EXTERNAL_URL": "https://tower.example.com/",
    ]
    _ = try BackendConfiguration(environment: environment, dataFolder: "/tmp")
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: environment.merging(change) { $1 }, dataFolder: "/tmp")
    }
    #expect(change.keys.contains { "\(error.map(String.init(describing:)) ?? "")".contains($0) })
  }
}
