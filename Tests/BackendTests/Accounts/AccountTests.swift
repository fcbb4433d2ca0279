import Access
import ArgumentParser
import Database
import HTTPTypes
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Accounts
@testable import Backend

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct AccountTests {
  @Test(arguments: TestDatabase.available) func anAdminMakesAndChangesAccounts(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      let root = try await front.browser("root@example.com", in: fixture)
      let made = try await front.send(
        .post, "/api/admin/accounts", ["email": "Ann@Example.com", "role": "operator", "name": "Ann"], browser: root)
      #expect(made.status == 201)
      let password = try #require(made.json["password"]?.string)
      let id = try #require(made.json["account"]?["id"]?.string)
      #expect(made.json["account"]?["hasPassword"] == true)
      #expect(try await front.signIn("ann@example.com", password).status == 200)

      let again = try await front.send(
        .post, "/api/admin/accounts", ["email": "ANN@example.com", "role": "viewer"], browser: root)
      #expect(again.status == 409)

      let path = "/api/admin/accounts/\(id)"
      let changed = try await front.send(.patch, path, ["role": "viewer", "name": "Ann B."], browser: root)
      #expect(changed.json["account"]?["role"] == "viewer")
      #expect(changed.json["password"] == nil)
      let reset = try await front.send(.patch, path, ["resetPassword": true], browser: root)
      let next = try #require(reset.json["password"]?.string)
      #expect(try await front.signIn("ann@example.com", password).status == 401)
      #expect(try await front.signIn("ann@example.com", next).status == 200)
      #expect(try await front.send(.patch, path, ["state": "disabled"], browser: root).status == 200)
      #expect(try await front.signIn("ann@example.com", next).status == 401)

      let list = try await front.send(.get, "/api/admin/accounts?limit=1", browser: root)
      #expect(list.json["accounts"]?.array?.count == 1)
      let rest = try await front.send(
        .get, "/api/admin/accounts?continue=\(list.json["continue"]?.string ?? "")", browser: root)
      #expect(rest.json["accounts"]?.array?.count == 1)
      #expect(rest.json["continue"] == nil)
      for text in ["$scrypt", password, next] {
        #expect(!String(decoding: list.body + rest.body, as: UTF8.self).contains(text))
      }
      #expect(try await front.send(.delete, path, browser: root).status == 200)
      #expect(try await front.send(.get, path, browser: root).status == 404)
      #expect(
        try await fixture.audited().filter { $0.hasPrefix("Account") } == [
          "AccountCreated", "AccountCreated", "AccountChanged", "AccountChanged", "AccountChanged", "AccountRemoved",
        ])
      let details = try await fixture.query("SELECT detail FROM audit_entry ORDER BY sequence").compactMap {
        $0[0].text
      }
      #expect(details.contains(#"{"name":{"from":"Ann","to":"Ann B."},"role":{"from":"operator","to":"viewer"}}"#))
      #expect(details.contains(#"{"password":"reset"}"#))
      #expect(!details.contains { $0.contains(password) || $0.contains(next) || $0.contains("scrypt") })
    }
  }

  @Test(
    arguments: [
      [:], ["email": "ann@example.com"], ["role": "admin"], ["email": "ann", "role": "admin"],
      ["email": "ann@example.com\r\nBcc: x@example.com", "role": "admin"],
      ["email": "ann@example.com", "role": "root"],
      ["email": "ann@example.com", "role": "agent"], ["email": "ann@example.com", "role": "admin", "id": "x"],
      ["email": "ann@example.com", "role": "admin", "name": "\u{1B}[2J"],
      ["email": "ann@example.com", "role": "admin", "signIn": "none"], [],
    ] as [JSONValue])
  func accountsThatAreNoneAreRefused(_ body: JSONValue) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let answer = try await front.send(.post, "/api/admin/accounts", body, token: "admin")
      #expect([400, 422].contains(answer.status), "\(answer.status)")
      #expect(try await fixture.query("SELECT id FROM admin").isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available) func somebodyIsLeftWhoMayDoEverything(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let (actor, accounts) = (AuditActor(name: "test"), fixture.parts.people.accounts)
      let last = try await fixture.addAccount("root@example.com")
      try await fixture.addAccount("ann@example.com", .operator)
      for change in [{ $0.role = .viewer }, { $0.state = .disabled }] as [(inout AccountChange) -> Void] {
        var wanted = AccountChange()
        change(&wanted)
        let error = await #expect(throws: StatusError.self) {
          try await accounts.change(.id(last.id), wanted, by: actor)
        }
        #expect(error?.reason == .conflict)
      }
      await #expect(throws: StatusError.self) { try await accounts.remove(.id(last.id), by: actor) }
      // Nor do several step back for each other at the same moment.
      var all = [last]
      for number in 1...5 { all.append(try await fixture.addAccount("admin\(number)@example.com")) }
      await withTaskGroup(of: Void.self) { tasks in
        for account in all { tasks.addTask { try? await accounts.remove(.id(account.id), by: actor) } }
      }
      let left = try await fixture.query("SELECT id FROM admin WHERE role = 'admin' AND state = 'active'")
      #expect(left.count == 1)
    }
  }

  @Test func onesOwnPasswordNeedsTheOneOfBefore() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", .viewer, in: fixture)
      func change(_ current: String, _ new: String) async throws -> Int {
        try await front.send(
          .post, "/api/admin/session/password",
          ["currentPassword": .string(current), "newPassword": .string(new)], browser: browser
        ).status
      }
      #expect(try await change("wrong password", "another staple of horses") == 401)
      #expect(try await change(BackendFront.password, "short") == 422)
      #expect(try await change(BackendFront.password, "ann@example.com") == 422)
      #expect(try await change(BackendFront.password, "another staple of horses") == 200)
      #expect(try await front.signIn("ann@example.com").status == 401)
      #expect(try await front.signIn("ann@example.com", "another staple of horses").status == 200)
      #expect(try await fixture.audited().contains("PasswordChanged"))
      let token = try await front.send(
        .post, "/api/admin/session/password", ["currentPassword": "a", "newPassword": "b"], token: "viewer")
      #expect(token.status == 400)
    }
  }

  @Test(
    arguments: [
      ["--email", "ann", "--role", "admin"], ["--email", "ann@example.com", "--role", "agent"],
      ["--email", "ann@example.com", "--role", "admin", "--oidc", "--password-stdin"], ["--role", "admin"],
    ])
  func commandsThatMakeNoSenseAreRefused(arguments: [String]) {
    #expect(throws: (any Error).self) { try AdminCreateCommand<BackendProgram>.parse(arguments) }
  }

  @Test func accountsAreListedForPeople() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      try await fixture.addAccount("bob@example.com", .viewer)
      try await fixture.addAccount("ann@example.com")
      let lines = AccountTable.lines(try await fixture.parts.people.accounts.list(limit: 10, after: nil))
      #expect(
        lines.map { $0.split(separator: " ").prefix(4).joined(separator: " ") } == [
          "EMAIL ROLE STATE SIGNS", "ann@example.com admin active password", "bob@example.com viewer active password",
        ])
    }
  }
}
