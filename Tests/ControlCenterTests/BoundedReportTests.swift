import Database
import FleetKinds
import FleetProtocol
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// A customer whose reports come without end, by a fault or on purpose.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct BoundedReportTests {
  private static let withMail = [
    "SMTP_HOST": "localhost", "SMTP_SECURITY": "none", "GCC_ADMIN_EMAIL": "admin@vendor.example",
  ]

  private func offered(_ database: TestDatabase, _ body: (FleetFixture) async throws -> Void) async throws {
    try await FleetFixture.with(database, environment: Self.withMail) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await body(fixture)
    }
  }

  private func count(_ fixture: FleetFixture, _ table: String, _ condition: String = "true") async throws -> Int {
    Int(try await fixture.query("SELECT count(*) FROM \(table) WHERE \(condition)").first?[0].integer ?? -1)
  }

  @Test(arguments: TestDatabase.available)
  func reportsThatFlapFillNeitherHistoryNorEventsNorMail(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      for number in 0..<60 {
        let status: StatusReport.Status = number.isMultiple(of: 2) ? .success : .rolledBack
        try await fixture.report(
          "acme", "2.3.0", status, attempt: "a\(number)", number: Int64(number),
          currentVersion: status == .success ? "2.3.0" : "2.2.\(number)")
        fixture.advance(.seconds(1))
      }
      #expect(try await count(fixture, "gcc_version_history") == VersionHistory.maximumPerTarget)
      #expect(try await count(fixture, "gcc_escalation") == 1)
      #expect(try await count(fixture, "event", "object LIKE '%acme.2.3.0%'") <= 25)
      #expect(try await count(fixture, "gcc_mail_fact") == 4)
      // What holds is known all the same.
      #expect(try await fixture.target("acme", "2.3.0").status?.phase == .rolledBack)
      #expect(try await fixture.organization("acme").status?.currentVersion == "2.2.59")
      let history = try await VersionHistory(database: fixture.database).of("acme")
      #expect(history.first?.version == "2.2.59" && history.first?.status == "rolledBack")
      #expect(history.last?.status == "success")
      #expect(try await count(fixture, "gcc_escalation", "\"resolvedAt\" IS NULL") == 1)
      #expect(try await fixture.counters("release-2.3.0").kept == fixture.counters("release-2.3.0").counted)
    }
  }

  @Test(arguments: TestDatabase.available)
  func oneSetOfManyReportsIsBoundedAsWell(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      let reports = (0..<50).map { number in
        ReceivedReport(
          organization: "acme",
          content: .status(
            StatusReport(
              organizationName: "acme", releaseID: "2.3.0", status: number.isMultiple(of: 2) ? .rolledBack : .success,
              attemptID: "a\(number)", attempt: Int64(number))))
      }
      for _ in 0..<2 { _ = try await fixture.parts.reports.write(reports) }
      #expect(try await count(fixture, "gcc_version_history") == VersionHistory.maximumPerTarget)
      let history = try await VersionHistory(database: fixture.database).of("acme")
      #expect(history.contains { $0.attemptID == "a49" && $0.status == "success" })
      #expect(try await count(fixture, "gcc_escalation", "\"resolvedAt\" IS NULL") == 0)
    }
  }

  /// A day later it is another matter, and what a person has closed is, too.
  @Test(arguments: TestDatabase.available)
  func whatComesBackLaterOrAfterAPersonSawToItIsANewEscalation(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      try await fixture.report("acme", "2.3.0", .failed, attempt: "a1", number: 1)
      try await fixture.report("acme", "2.3.0", .success, attempt: "a2", number: 2)
      fixture.advance(.seconds(90_000))
      try await fixture.report("acme", "2.3.0", .rolledBack, attempt: "a3", number: 3)
      #expect(try await count(fixture, "gcc_escalation") == 2)
      try await fixture.execute("UPDATE gcc_escalation SET resolution = 'called them' WHERE \"resolvedAt\" IS NULL")
      _ = try await fixture.parts.health.pass()
      #expect(try await count(fixture, "gcc_escalation", "\"resolvedAt\" IS NULL") == 0)
      try await fixture.report("acme", "2.3.0", .failed, attempt: "a4", number: 4)
      #expect(try await count(fixture, "gcc_escalation") == 3)
    }
  }

  @Test(arguments: TestDatabase.available)
  func successOfANewerVersionEndsFailuresOfOlderOnes(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      try await fixture.report("acme", "2.3.0", .failed, attempt: "a1")
      try await fixture.addRelease("2.4.0")
      try await fixture.addRelease("2.5.0")
      try await fixture.settle()
      try await fixture.report("acme", "2.5.0", .failed, attempt: "b1")
      #expect(try await count(fixture, "gcc_escalation", "\"resolvedAt\" IS NULL") == 2)
      try await fixture.report("acme", "2.4.0", .success, attempt: "c1")
      let open = try await fixture.query("SELECT fact FROM gcc_escalation WHERE \"resolvedAt\" IS NULL")
      #expect(open.map { $0[0].text } == ["DEPLOYMENT_FAILED/2.5.0"])
    }
  }

  /// The customers' clocks are what they are.
  @Test(arguments: TestDatabase.available)
  func historyIsInTheOrderInWhichItCame(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      try await fixture.report("acme", "2.3.0", .success, attempt: "a1", deployedAt: fixture.now)
      fixture.advance(.seconds(60))
      try await fixture.report(
        "acme", "2.3.0", .rolledBack, attempt: "a2", deployedAt: Timestamp(seconds: 1_000), currentVersion: "2.2.0")
      let history = try await VersionHistory(database: fixture.database).of("acme")
      #expect(history.map(\.status) == ["rolledBack", "success"])
      #expect(history.map(\.recordedAt) == [fixture.now, FleetFixture.start])
    }
  }

  @Test(arguments: TestDatabase.available)
  func secretsInReportsAreNotKept(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      let report = try StatusReport(
        reading: [
          "organizationName": "acme", "releaseId": "2.3.0", "status": "failed", "component": "db:password=x1y2",
          "errorMessage": "pull https://bot:hunter2@registry failed with Authorization: Bearer abcdefgh12345678",
        ])
      _ = try await fixture.parts.reports.write([ReceivedReport(organization: "acme", content: .status(report))])
      for table in ["gcc_deployment_target", "gcc_escalation", "event"] {
        let rows = try await fixture.query("SELECT * FROM \(table)")
        let text = rows.flatMap(\.values).compactMap(\.text).joined(separator: " ")
        #expect(!text.contains("hunter2") && !text.contains("abcdefgh") && !text.contains("x1y2"), "\(table)")
      }
    }
  }
}
