import Access
import Cryptography
import Database
import HTTPTypes
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Accounts
@testable import Backend

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct SignInTests {
  private static func attempt(_ address: String = "192.0.2.1", device: KnownDevice? = nil) -> SignIn.Attempt {
    SignIn.Attempt(address: address, addressKey: address, device: device)
  }

  private static func wait(
    _ fixture: BackendFixture, _ password: String, _ attempt: SignIn.Attempt, email: String = "ann@example.com"
  ) async throws -> StatusError? {
    do {
      _ = try await fixture.parts.people.sessionEndpoints.signIn.enter(email: email, password: password, from: attempt)
      return nil
    } catch let error as StatusError {
      return error
    }
  }

  @Test(arguments: TestDatabase.available)
  func twentyWrongPasswordsAreThrottledAndTheRightOneWorksHalfAMinuteLater(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("ann@example.com")
      var reasons: [Int] = []
      for _ in 1...20 {
        let answer = try await front.signIn("ann@example.com", "wrong password")
        reasons.append(answer.status)
        if answer.status == 429 { #expect((1...30).contains(answer.retryAfter ?? 0)) }
      }
      #expect(reasons == Array(repeating: 401, count: 5) + Array(repeating: 429, count: 15))
      // Neither does the right one help at once: who guesses must not see which it is.
      #expect(try await front.signIn("ann@example.com").status == 429)
      // As patient as may be, and twenty times more.
      for _ in 1...20 {
        fixture.advance(.seconds(30))
        #expect(try await front.signIn("ann@example.com", "wrong password").status == 401)
        #expect(try await front.signIn("ann@example.com", "wrong password").status == 429)
      }
      fixture.advance(.seconds(30))
      #expect(try await front.signIn("ann@example.com").status == 200)
    }
  }

  @Test func aBrowserThatWasSignedInBeforeDoesNotWaitForGuessersElsewhere() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      var browser = try await front.browser("ann@example.com", in: fixture)
      let guesser = Self.attempt("203.0.113.9")
      for _ in 1...30 { _ = try await Self.wait(fixture, "wrong password", guesser) }
      browser.cookies["__Host-wrktalk"] = nil
      let answer = try await front.signIn("ann@example.com", browser: browser)
      #expect(answer.status == 200)
      // What the browser keeps lets nobody in, is slowed down itself, and is of no use for another account.
      let device = try #require(browser.cookies["__Host-wrktalk-device"])
      let known = try #require(KnownDevice(device, box: fixture.parts.box, now: fixture.now))
      for _ in 1...5 {
        #expect(try await Self.wait(fixture, "wrong", Self.attempt(device: known))?.reason == .unauthorized)
      }
      #expect(try await Self.wait(fixture, "wrong", Self.attempt(device: known))?.reason == .tooManyRequests)
      try await fixture.addAccount("bob@example.com")
      for _ in 1...5 { _ = try await Self.wait(fixture, "wrong", guesser, email: "bob@example.com") }
      #expect(
        try await Self.wait(fixture, "wrong", Self.attempt(device: known), email: "bob@example.com")?.reason
          == .tooManyRequests)
      // Nor is one that somebody else made, or that is too old.
      #expect(KnownDevice(device + "A", box: fixture.parts.box, now: fixture.now) == nil)
      #expect(KnownDevice(device, box: fixture.parts.box, now: fixture.now + .seconds(91 * 86_400)) == nil)
    }
  }

  @Test func fromOneAddressManyAccountsAreNotTriedFast() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      var reasons: [StatusError.Reason?] = []
      for number in 1...30 {
        reasons.append(
          try await Self.wait(fixture, "wrong password", Self.attempt(), email: "user\(number)@example.com")?.reason)
      }
      #expect(reasons.prefix(20).allSatisfy { $0 == .unauthorized })
      #expect(reasons.suffix(10).allSatisfy { $0 == .tooManyRequests })
      try await fixture.addAccount("ann@example.com")
      #expect(try await Self.wait(fixture, BackendFront.password, Self.attempt("192.0.2.77")) == nil)
      #expect(try await fixture.query("SELECT key FROM sign_in_failure").count < 40)
      fixture.advance(.seconds(16 * 60))
      #expect(try await Self.wait(fixture, BackendFront.password, Self.attempt("192.0.2.77")) == nil)
      #expect(try await fixture.query("SELECT key FROM sign_in_failure").count <= 1)
    }
  }

  @Test(arguments: TestDatabase.available) func manyAtOnceAreNoWayRound(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      try await fixture.addAccount("ann@example.com")
      let reasons = try await withThrowingTaskGroup(of: StatusError.Reason?.self) { tasks in
        for number in 1...24 {
          tasks.addTask { try await Self.wait(fixture, "wrong", Self.attempt("192.0.2.\(number)"))?.reason }
        }
        return try await tasks.reduce(into: []) { $0.append($1) }
      }
      #expect(reasons.filter { $0 == .unauthorized }.count == 5)
      #expect(reasons.filter { $0 == .tooManyRequests }.count == 19)
    }
  }

  @Test func whoHasNoAccountIsAnsweredAsWhoHas() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      try await fixture.addAccount("ann@example.com")
      let disabled = try await fixture.addAccount("bob@example.com", .viewer)
      var change = AccountChange()
      change.state = .disabled
      _ = try await fixture.parts.people.accounts.change(.id(disabled.id), change, by: AuditActor(name: "test"))
      _ = try await fixture.parts.people.accounts.create(
        AccountRequest(email: "sso@example.com", name: "", role: .viewer, hasPassword: false),
        by: AuditActor(name: "test"))
      let known = try await front.signIn("ann@example.com", "wrong password")
      let long = String(repeating: "x", count: 2000)
      for (email, password) in [
        ("nobody@example.com", "wrong password"), ("bob@example.com", BackendFront.password),
        ("sso@example.com", ""), ("sso@example.com", BackendFront.password), ("not an address", "x"),
        ("a\u{0}@example.com", "x\u{0}"), ("ann@example.com", long), ("'; DROP TABLE admin; --", "x"),
        ("ANN@EXAMPLE.COM", ""),
      ] {
        let answer = try await front.signIn(email, password)
        #expect(answer.status == known.status && answer.body == known.body, "\(email): \(answer.error)")
        #expect(answer.cookies.isEmpty)
        #expect(answer.headers == known.headers)
      }
      #expect(try await front.signIn("ANN@example.com").status == 200)
    }
  }

  @Test(
    arguments: [
      [:], ["email": "ann@example.com"], ["email": 1, "password": 2], [], "text",
      ["email": "ann@example.com", "password": "x", "role": "admin"],
      ["email": ["$ne": ""], "password": ["$ne": ""]],
    ] as [JSONValue])
  func bodiesThatAreNoneAreRefused(_ body: JSONValue) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let answer = try await front.send(.post, "/api/admin/session", body, browser: BackendFront.Browser())
      #expect(answer.status == 400)
      let large: JSONValue = ["email": "a", "password": .string(String(repeating: "x", count: 10_000))]
      #expect(try await front.send(.post, "/api/admin/session", large).status == 413)
    }
  }

  @Test(arguments: TestDatabase.available) func aBurstOfFailuresIsOneEntryOfTheAudit(_ kind: TestDatabase) async throws
  {
    try await BackendFixture.with(kind) { fixture in
      try await fixture.addAccount("ann@example.com")
      for _ in 1...5 { _ = try await Self.wait(fixture, "wrong password", Self.attempt()) }
      // Somebody typed their password in the wrong place.
      for _ in 1...5 {
        _ = try await Self.wait(fixture, "x", Self.attempt("192.0.2.2"), email: "correct horse battery")
      }
      fixture.advance(.seconds(30))
      #expect(try await Self.wait(fixture, BackendFront.password, Self.attempt()) == nil)
      #expect(try await fixture.audited() == ["AccountCreated", "SignInFailed", "SignInFailed", "SignedIn"])
      let details = try await fixture.query("SELECT object, address, detail FROM audit_entry ORDER BY sequence")
      #expect(details[1].values.prefix(2) == [.text("ann@example.com"), .text("192.0.2.1")])
      #expect(details[2].values.prefix(2) == [.text(""), .text("192.0.2.2")])
      #expect(details[3][2].text == #"{"by":"password","failuresBefore":5}"#)
      #expect(!details.contains { $0.values.contains { $0.text?.contains("horse") ?? false } })
    }
  }

  @Test func passwordsRiseToTodaysCostsWhenTheyAreUsed() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      try await fixture.addAccount("ann@example.com")
      let cost = try #require(PasswordDigest.Cost(logarithm: 5, blockSize: 2, parallelization: 1))
      let old = PasswordDigest(of: PasswordRules.bytes(BackendFront.password), cost: cost).text
      _ = try await fixture.database.transaction(.write) {
        try $0.execute("UPDATE admin SET password = $1", [.text(old)])
      }
      #expect(try await Self.wait(fixture, BackendFront.password, Self.attempt()) == nil)
      let kept = try #require(try await fixture.query("SELECT password FROM admin").first?[0].text)
      #expect(PasswordDigest(text: kept)?.cost == .trivial)
      #expect(try await Self.wait(fixture, BackendFront.password, Self.attempt()) == nil)
    }
  }

  // MARK: Decisions

  /// Failures before, seconds since the last one, seconds to wait.
  @Test(
    arguments: [
      (0, 0, nil), (4, 0, nil), (5, 0, 1), (5, 1, nil), (6, 0, 2), (7, 1, 3), (9, 0, 16), (10, 0, 30), (60, 0, 30),
      (1_000_000, 29, 1), (1_000_000, 30, nil), (1_000_000, 901, nil), (1_000_000, -5, nil),
    ] as [(Int64, Int64, Int64?)])
  func theDelayGrowsToHalfAMinute(failures: Int64, age: Int64, seconds: Int64?) {
    let now = Timestamp(seconds: 1_000_000)
    let found = SignInThrottle.Failures(count: failures, lastAt: now + .seconds(-age))
    #expect(SignInThrottle.delay(found, free: 5, now: now) == seconds.map { .seconds($0) })
  }

  @Test(
    arguments: [
      ("correct horse battery", true), ("correct hors", true), ("too short 1", false), ("aaaaaaaaaaaaaaaa", false),
      ("ababababababab", false), ("ann@example.com", false), ("ANN@example.com", false), ("žluťoučký kůň", true),
      ("with\u{0}NUL in it", false), ("😀😁😂😃😄😅😆😇😈😉😊😋", true), (String(repeating: "abcdef", count: 170), true),
      (String(repeating: "abcdef", count: 171), false),
    ])
  func aPasswordIsLongAndNotTheAddress(password: String, isGood: Bool) {
    #expect((PasswordRules.problem(password, email: "ann@example.com") == nil) == isGood)
  }

  @Test func theSameLettersAreTheSamePassword() {
    #expect(PasswordRules.bytes("cafe\u{301}") == PasswordRules.bytes("caf\u{E9}"))
    #expect(PasswordRules.bytes("caf\u{E9}") == Array("caf\u{E9}".utf8))
    #expect(PasswordRules.bytes(" a ") == [0x20, 0x61, 0x20])
  }

  @Test func twoAreHashedAtATimeAndNotMoreThanAFewWait() async throws {
    let work = PasswordWork(cost: .trivial)
    let outcomes = await withTaskGroup(of: Bool.self) { tasks in
      for _ in 1...500 { tasks.addTask { (try? await work.isRight("x", for: nil)) == nil } }
      return await tasks.reduce(into: []) { $0.append($1) }
    }
    // Whether any was refused is a matter of time; that it works afterwards is not.
    #expect(outcomes.count == 500)
    let digest = try await work.digest(of: "a password").text
    #expect(try await work.isRight("a password", for: digest))
    #expect(try await !work.isRight("another password", for: digest))
  }
}
