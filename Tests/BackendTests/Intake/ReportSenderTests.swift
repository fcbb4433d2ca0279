import Database
import FleetProtocol
import TestSupport
import Testing
import WireFormats

@testable import Backend
@testable import Outbox

/// What the vendor is told, for as long as its server is away.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ReportSenderTests {
  private static func report(
    _ status: StatusReport.Status, attempt: Int64 = 1, attemptID: String? = "a1"
  ) -> VendorReport {
    .status(
      StatusReport(
        organizationName: BackendFixture.organization, releaseID: "rel-2.3.0", status: status, errorMessage: "x",
        reason: "ImagePullFailed", component: "media", attemptID: attemptID, attempt: attempt))
  }

  private func serve(
    _ database: TestDatabase = .sqlite, _ body: (BackendFixture, FakeVendor, ReportSender) async throws -> Void
  ) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(database, environment: vendor.environment) { fixture in
      let client = VendorClient(
        http: fixture.parts.http, connection: try #require(fixture.parts.configuration.vendor), now: { fixture.now })
      let sender = ReportSender(
        database: fixture.database, client: client, now: { fixture.now }, logger: fixture.parts.logger)
      try await body(fixture, vendor, sender)
    }
  }

  private static func delivery(_ report: VendorReport) -> Delivery {
    Delivery(
      message: OutboxMessage(
        id: "1", topic: VendorReports.topic, destination: VendorReports.destination, payload: report.json.text),
      attempt: 1, createdAt: BackendFixture.start, sequence: 1, claim: "c", isProbe: false)
  }

  @Test(arguments: [
    (200, "", "delivered"), (204, "", "delivered"), (500, "", "retry"), (503, "", "retry"),
    (408, #"{"error": "x"}"#, "retry"),
    (429, #"{"error": "x"}"#, "retry"), (302, "", "retry"), (401, #"{"error": "x"}"#, "retry"),
    (403, #"{"error": "x"}"#, "retry"), (404, #"{"error": "it was never offered"}"#, "rejected"),
    (400, #"{"error": "x"}"#, "rejected"), (422, #"{"error": "x"}"#, "rejected"),
    // A proxy that knows no such path is not the vendor.
    (404, "<html>", "retry"),
  ])
  func anAnswerDecidesWhetherAReportIsSentAgain(_ status: Int, _ body: String, _ expected: String) async throws {
    try await serve { _, vendor, sender in
      vendor.change { $0.reports = [(status, body)] }
      let answer = try await sender.send(Self.delivery(Self.report(.failed)))
      let word =
        switch answer {
        case .delivered: "delivered"
        case .retry: "retry"
        case .rejected: "rejected"
        }
      #expect(word == expected, "\(answer)")
      let sent = try #require(vendor.reports.first)
      #expect(sent["reason"] == "ImagePullFailed" && sent["component"] == "media" && sent["attempt"] == 1)
    }
  }

  /// Weeks later, in the order in which they were kept, each once.
  @Test(arguments: TestDatabase.available)
  func reportsWaitForAsLongAsTheVendorIsAway(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor, _ in
      let reports = [
        Self.report(.inProgress), Self.report(.failed), Self.report(.success, attempt: 2, attemptID: "a2"),
      ]
      for report in reports {
        try await fixture.database.transaction(.write) { try fixture.parts.reports.record([report], in: $0) }
      }
      fixture.advance(.seconds(60 * 86_400))
      let sending = Task { await fixture.parts.outbox.run() }
      while try await fixture.messageCount("report") > 0 { await Task.yield() }
      fixture.parts.outbox.stop()
      await sending.value
      #expect(vendor.reports == reports.map(\.body))
      #expect(
        vendor.requests("/api/v1/deployments/").map(\.target)
          == Array(repeating: "/api/v1/deployments/status", count: 3))
      #expect(try await fixture.query("SELECT 1 FROM outbox_dead").isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRowIsReportedOnceItsLastReportIsDelivered(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor, sender in
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.alter("UPDATE scheduled_deployment SET status = 'failed', attempt = 1, \"attemptId\" = 'a1'")
      func isReported() async throws -> Bool? {
        try await fixture.query("SELECT \"reportedToGcc\" FROM scheduled_deployment").first?[0].boolean
      }
      let reports = [Self.report(.inProgress), Self.report(.failed)]
      try await fixture.database.transaction(.write) { try fixture.parts.reports.record(reports, in: $0) }
      _ = try await sender.send(Self.delivery(reports[0]))
      #expect(try await isReported() == false, "the end is still on its way")
      _ = try await sender.send(Self.delivery(reports[1]))
      #expect(try await isReported() == true)
      try await fixture.database.transaction(.write) { try fixture.parts.reports.record([reports[1]], in: $0) }
      #expect(try await isReported() == false)
      // What the vendor never takes is over, too, though nobody has it.
      try await fixture.database.transaction(.write) { connection in
        let delivery = Self.delivery(reports[1])
        let dead = DeadMessage(
          message: delivery.message, attempts: 1, createdAt: delivery.createdAt, cause: .rejected,
          reason: "never offered")
        _ = try sender.giveUp([dead], in: connection)
      }
      #expect(try await isReported() == false)
      #expect(
        try await fixture.query("SELECT 1 FROM scheduled_deployment WHERE \"reportedAt\" IS NOT NULL").count == 1)
    }
  }

  @Test func theKeyTravelsByTLSOrNotAtAll() throws {
    for (url, isAllowed) in [
      ("https://gcc.example.com", true), ("http://127.0.0.1:8080/", true), ("http://localhost", true),
      ("http://gcc.example.com", false), ("http://127.0.0.1.example.com", false),
    ] {
      let environment = [
        "WRKTALK_GCC_ENDPOINT": url, "WRKTALK_ORGANIZATION_NAME": "x", "WRKTALK_GCC_API_KEY": "k",
      ]
      let isTaken = (try? BackendConfiguration(environment: environment, dataFolder: "/d")) != nil
      #expect(isTaken == isAllowed, "\(url)")
      let insecure = environment.merging(["WRKTALK_INSECURE_HTTP": "true"]) { $1 }
      #expect((try? BackendConfiguration(environment: insecure, dataFolder: "/d")) != nil)
    }
  }
}
