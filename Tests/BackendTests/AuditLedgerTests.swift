import Audit
import AuditChain
import Database
import HTTPTypes
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .serialized, .timeLimit(.minutes(5))) struct AuditLedgerTests {
  private static func entry(_ number: Int, actor: String = "ann@example.com") -> AuditEntry {
    AuditEntry(
      actor: actor, roles: "admin", address: "192.0.2.1", action: "SettingChanged", object: "KEY_\(number)",
      detail: ["from": .null, "to": .string("value \(number) ü 😀 \"\\\n\u{0}"), "ratio": 0.5])
  }

  private static func record(_ fixture: BackendFixture, _ entries: [AuditEntry]) async throws {
    try await fixture.database.transaction(.write) { try fixture.parts.audit.record(entries, in: $0) }
  }

  private static func verify(_ fixture: BackendFixture) async throws -> AuditVerification {
    var verification = AuditVerification()
    var query = AuditQuery(limit: 3)
    while true {
      let page = try await fixture.database.transaction(.read) { [query] in try AuditLedger.page(query, in: $0) }
      try verification.check(page.records)
      guard page.hasMore else {
        try verification.finish(head: (page.head.sequence, page.head.digest))
        return verification
      }
      query.after = page.records.last?.sequence
    }
  }

  @Test(arguments: TestDatabase.available) func whatIsRecordedIsAChain(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      #expect(try await Self.verify(fixture).sequence == 0)
      try await Self.record(fixture, [])
      try await Self.record(fixture, [Self.entry(1)])
      try await Self.record(fixture, (2...9).map { Self.entry($0) })
      #expect(try await Self.verify(fixture).sequence == 9)
    }
  }

  @Test(arguments: TestDatabase.available) func manyAtOnceDoNotForkIt(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for number in 1...40 {
          tasks.addTask { try await Self.record(fixture, [Self.entry(number), Self.entry(-number)]) }
        }
        try await tasks.waitForAll()
      }
      #expect(try await Self.verify(fixture).sequence == 80)
    }
  }

  private struct Undone: Error {}

  @Test(arguments: TestDatabase.available) func whatIsUndoneLeavesNoGap(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      try await Self.record(fixture, [Self.entry(1)])
      await #expect(throws: Undone.self) {
        try await fixture.database.transaction(.write) { connection in
          try fixture.parts.audit.record([Self.entry(2)], in: connection)
          throw Undone()
        }
      }
      try await Self.record(fixture, [Self.entry(3)])
      #expect(try await Self.verify(fixture).sequence == 2)
    }
  }

  /// Whatever it was done with, it is audited.
  @Test(arguments: TestDatabase.available) func hostileTextIsKeptWithinBounds(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let long = String(repeating: "é\u{0}\u{202E}<img onerror>'\"", count: 3_000)
      try await Self.record(
        fixture,
        [
          AuditEntry(actor: long, roles: long, address: long, action: long, object: long, detail: ["a": .string(long)]),
          AuditEntry(actor: "", action: "", object: "", detail: .null),
          AuditEntry(actor: "x", action: "y", object: "z", detail: ["n": .number(.nan), "big": .number(1e300)]),
          AuditEntry(
            actor: "x", action: "y", object: "z",
            detail: ["names": .array((0..<500).map { .string("customer-\($0)-\(long.prefix(30))") }), "count": 500]),
          AuditEntry(actor: "x", action: "y", object: "z", detail: .string(long)),
        ])
      #expect(try await Self.verify(fixture).sequence == 5)
      let row = try #require(try await fixture.query("SELECT actor, object, detail FROM audit_entry").first)
      #expect((200...256).contains(row[0].text?.utf8.count ?? 0) && (500...512).contains(row[1].text?.utf8.count ?? 0))
      #expect(row[2].text?.hasPrefix(#"{"a":{"omittedBytes":"#) == true)
      let details = try await fixture.query("SELECT detail FROM audit_entry ORDER BY sequence")
      // What is too large hides nothing but itself.
      #expect(details[3][0].text?.hasPrefix(#"{"count":500,"names":{"omittedBytes":"#) == true)
      #expect(details[4][0].text?.hasPrefix(#"{"omittedBytes":"#) == true)
    }
  }

  struct Tampering: Sendable, CustomTestStringConvertible {
    var sql: String
    var expected: AuditFault
    var testDescription: String { sql }
  }

  static let tamperings = [
    Tampering(sql: "UPDATE audit_entry SET actor = 'bob' WHERE sequence = 4", expected: .changed(sequence: 4)),
    Tampering(sql: "UPDATE audit_entry SET at = '' WHERE sequence = 4", expected: .changed(sequence: 4)),
    Tampering(sql: "UPDATE audit_entry SET detail = 'not JSON' WHERE sequence = 4", expected: .changed(sequence: 4)),
    Tampering(sql: "UPDATE audit_entry SET detail = '{}' WHERE sequence = 4", expected: .changed(sequence: 4)),
    Tampering(sql: "DELETE FROM audit_entry WHERE sequence = 4", expected: .missing(from: 4, to: 4)),
    Tampering(sql: "DELETE FROM audit_entry WHERE sequence > 6", expected: .ended(at: 6, insteadOf: 9)),
    Tampering(sql: "DELETE FROM audit_entry", expected: .ended(at: 0, insteadOf: 9)),
    Tampering(
      sql: "UPDATE audit_entry SET sequence = sequence - 100 WHERE sequence = 4",
      expected: .outOfOrder(sequence: -96, after: 0)),
  ]

  @Test(arguments: TestDatabase.available, tamperings)
  func whoWritesTheTableIsFound(_ kind: TestDatabase, _ tampering: Tampering) async throws {
    try await BackendFixture.with(kind) { fixture in
      try await Self.record(fixture, (1...9).map { Self.entry($0) })
      _ = try await fixture.database.transaction(.write) { try $0.execute(tampering.sql) }
      await #expect(throws: tampering.expected) { try await Self.verify(fixture) }
    }
  }

  @Test(arguments: TestDatabase.available) func itIsReadInPagesAndExportedWhole(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let front = BackendFront(fixture)
      for number in 1...7 {
        try await Self.record(fixture, [Self.entry(number, actor: number % 2 == 0 ? "bob" : "ann")])
        fixture.advance(.seconds(3600))
      }
      func objects(_ query: String) async throws -> [String] {
        let answer = try await front.send(.get, "/api/admin/audit?\(query)", token: "viewer")
        return (answer.json["entries"]?.array ?? []).compactMap { $0["object"]?.string }
      }
      #expect(try await objects("") == (1...7).map { "KEY_\($0)" })
      #expect(try await objects("order=newest&limit=2") == ["KEY_7", "KEY_6"])
      #expect(try await objects("order=newest&limit=2&continue=6") == ["KEY_5", "KEY_4"])
      #expect(try await objects("actor=bob") == ["KEY_2", "KEY_4", "KEY_6"])
      #expect(try await objects("action=SignedIn") == [])
      let (from, to) = (BackendFixture.start + .seconds(3600), BackendFixture.start + .seconds(3 * 3600))
      #expect(try await objects("from=\(from)&to=\(to)") == ["KEY_2", "KEY_3"])
      for query in ["from=yesterday", "order=random", "continue=x", "continue=-1", "limit=1000", "actor=%00"] {
        #expect(try await front.send(.get, "/api/admin/audit?\(query)", token: "viewer").status == 400, "\(query)")
      }
      #expect(try await front.send(.get, "/api/admin/audit/export?order=newest", token: "viewer").status == 400)

      let export = try await front.send(.get, "/api/admin/audit/export", token: "viewer")
      #expect(export.headers[.contentType] == "application/x-ndjson")
      var verification = AuditVerification()
      for line in export.body.split(separator: 0x0A) {
        try verification.check([try #require(AuditRecord(json: try JSONValue(parsing: Array(line))))])
      }
      #expect(verification.sequence == 7)
    }
  }

  @Test func aLargeExportIsWhole() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      for start in stride(from: 0, to: 1200, by: 400) {
        try await Self.record(fixture, (start..<start + 400).map { Self.entry($0) })
      }
      let export = try await BackendFront(fixture).send(.get, "/api/admin/audit/export", token: "admin")
      #expect(export.body.filter { $0 == 0x0A }.count == 1200)
    }
  }
}
