import Database
import FleetKinds
import FleetProtocol
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// What customers report: once or ten times, in whatever order.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ReportTests {
  private func offered(
    _ database: TestDatabase, _ body: (FleetFixture) async throws -> Void
  ) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await body(fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func successChangesWhatTheSpecificationSays(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      let outcome = try await fixture.report(
        "acme", "2.3.0", .success, deployedAt: fixture.now, currentVersion: "2.3.0")
      #expect(outcome == .applied)
      let organization = try await fixture.organization("acme")
      #expect(organization.status?.currentVersion == "2.3.0" && organization.status?.appVersion == "2.3.0")
      #expect(try await fixture.target("acme", "2.3.0").status?.phase == .success)
      let history = try await VersionHistory(database: fixture.database).of("acme")
      #expect(history.map(\.version) == ["2.3.0"] && history.map(\.status) == ["success"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func repeatedAndLateReportsChangeNothingAnyMore(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      try await fixture.report("acme", "2.3.0", .inProgress, attempt: "a1")
      try await fixture.report("acme", "2.3.0", .failed, attempt: "a1", reason: "ImagePullFailed")
      try await fixture.report("acme", "2.3.0", .success, attempt: "a2")
      for status in [StatusReport.Status.failed, .inProgress, .scheduled] {
        #expect(try await fixture.report("acme", "2.3.0", status, attempt: "a1") == .ignored)
      }
      #expect(try await fixture.report("acme", "2.3.0", .success, attempt: "a2") == .ignored)
      #expect(try await fixture.target("acme", "2.3.0").status?.phase == .success)
      #expect(try await VersionHistory(database: fixture.database).of("acme").count == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func severalReportsOfOneSetAreTakenInTheirOrder(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      func report(_ status: StatusReport.Status, _ attempt: String) -> ReceivedReport {
        ReceivedReport(
          organization: "acme",
          content: .status(
            StatusReport(organizationName: "acme", releaseID: "2.3.0", status: status, attemptID: attempt)))
      }
      let outcomes = try await fixture.parts.reports.write([
        report(.inProgress, "a1"), report(.failed, "a1"), report(.failed, "a1"), report(.success, "a2"),
        ReceivedReport(
          organization: "acme",
          content: .status(StatusReport(organizationName: "acme", releaseID: "9.9.9", status: .success))),
      ])
      #expect(outcomes == [.applied, .applied, .ignored, .applied, .noTarget])
      #expect(try await fixture.target("acme", "2.3.0").status?.phase == .success)
    }
  }

  @Test(arguments: TestDatabase.available)
  func successOfAnOlderReleaseThatComesLateDoesNotMoveTheVersionBack(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      let before = fixture.now
      fixture.advance(.seconds(3600))
      try await fixture.addRelease("2.4.0")
      try await fixture.settle()
      try await fixture.report("acme", "2.4.0", .success, deployedAt: fixture.now)
      try await fixture.report("acme", "2.3.0", .success, deployedAt: before)
      #expect(try await fixture.organization("acme").status?.currentVersion == "2.4.0")
    }
  }

  /// It says what ran when it was written. A release that was rolled back since would count as running where its failures are retried.
  @Test(arguments: TestDatabase.available)
  func aLateReportOfAnotherReleaseDoesNotBringBackWhatRanBefore(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      try await fixture.addRelease("2.4.0")
      try await fixture.settle()
      let deployedAt = fixture.now
      try await fixture.report("acme", "2.3.0", .success, attempt: "a", deployedAt: deployedAt, currentVersion: "2.3.0")
      fixture.advance(.seconds(600))
      try await fixture.report(
        "acme", "2.3.0", .rolledBack, attempt: "a", deployedAt: fixture.now, currentVersion: "2.2.0")
      for (status, time) in [(StatusReport.Status.deadlineExceeded, nil), (.inProgress, nil), (.failed, deployedAt)] {
        let outcome = try await fixture.report(
          "acme", "2.4.0", status, attempt: "b", deployedAt: time, currentVersion: "2.3.0")
        #expect(outcome == .applied)
        #expect(try await fixture.organization("acme").status?.currentVersion == "2.2.0", "\(status)")
      }
    }
  }

  /// Nobody wants a customer to go back to what it has skipped.
  @Test(arguments: TestDatabase.available)
  func successOfANewerReleaseTakesBackOlderOffersThatNobodyHasBegunWith(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      for version in ["2.3.1", "2.4.0", "2.5.0"] { try await fixture.addRelease(version) }
      try await fixture.settle()
      try await fixture.report("acme", "2.3.1", .inProgress)
      try await fixture.report("acme", "2.4.0", .success, deployedAt: fixture.now, currentVersion: "2.4.0")
      #expect(try await fixture.target("acme", "2.3.0").status?.blocked == .newerVersion)
      #expect(try await fixture.target("acme", "2.3.1").status?.phase == .inProgress)
      for version in ["2.3.1", "2.5.0"] {
        #expect(try await fixture.target("acme", version).status?.blocked == nil)
      }
      // What is counted is what there is.
      let differing = try await fixture.query(
        """
        SELECT bucket, count(*) FROM gcc_deployment_target WHERE "releaseVersion" = '2.3.0' GROUP BY bucket
        """)
      #expect(differing.map { [$0[0].text, $0[1].integer.map(String.init)] } == [["blocked", "1"]])
    }
  }

  @Test(arguments: TestDatabase.available)
  func textOfEveryKindIsKeptAndControlCharactersAreNot(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      let report = try StatusReport(
        reading: [
          "organizationName": "acme", "releaseId": "2.3.0", "status": "failed",
          "errorMessage": "null \u{0} bell \u{7} ünï 漢字 עברית 🚀\nsecond line",
        ])
      _ = try await fixture.parts.reports.write([ReceivedReport(organization: "acme", content: .status(report))])
      #expect(
        try await fixture.target("acme", "2.3.0").status?.errorMessage
          == "null \u{FFFD} bell \u{FFFD} ünï 漢字 עברית 🚀\nsecond line")
    }
  }

  @Test(arguments: TestDatabase.available)
  func oneFactHasOneOpenEscalationHoweverOftenItIsReported(_ database: TestDatabase) async throws {
    try await offered(database) { fixture in
      for number in 0..<5 { try await fixture.report("acme", "2.3.0", .failed, attempt: "a\(number)") }
      #expect(try await fixture.query("SELECT count(*) FROM gcc_escalation").first?[0].integer == 1)
      try await fixture.report("acme", "2.3.0", .success, attempt: "a9")
      #expect(
        try await fixture.query("SELECT count(*) FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").first?[0].integer
          == 0)
      // The same fact, that comes back soon.
      try await fixture.report("acme", "2.3.0", .rolledBack, attempt: "a10")
      let rows = try await fixture.query("SELECT \"resolvedAt\", reopened FROM gcc_escalation")
      #expect(rows.map { $0[1].integer } == [1] && rows.allSatisfy(\.values[0].isNull))
    }
  }
}
