import Database
import FleetProtocol
import Outbox
import WireFormats

/// What the vendor is told (spec §5.4, §5.6), kept in the transaction that finds it, for as long as the vendor's server is away.
struct VendorReports: Sendable {
  static let topic = "report"
  static let destination = "vendor"

  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  /// The last statements of a transaction.
  func record(_ reports: [VendorReport], in connection: any SQLConnection) throws {
    guard !reports.isEmpty else { return }
    let dialect = connection.dialect
    let rows = RowSet("id", of: Set(reports.map(\.releaseID)).sorted())
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "reportedToGcc" = \(dialect.boolean(false)), "reportedAt" = NULL
      WHERE "gccReleaseId" IN (SELECT r.id FROM \(rows.source(dialect)))
      """, [rows.parameter])
    try Outbox.add(
      reports.map { report in
        OutboxMessage(id: makeID(), topic: Self.topic, destination: Self.destination, payload: report.json.text)
      }, to: connection, now: now())
  }

  /// A report has come to its end.
  /// - Parameter isTaken: false where the vendor will never take it.
  static func settle(
    _ report: VendorReport, isTaken: Bool, at now: Timestamp, in connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    // Not where a later report is still to come.
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "reportedToGcc" = \(dialect.boolean(isTaken)), "reportedAt" = \(dialect.time("$3"))
      WHERE "gccReleaseId" = $1 AND CAST(status AS text) = $2 AND ("attemptId" IS NULL OR "attemptId" = coalesce($4, "attemptId"))
      """, [.text(report.releaseID), .text(report.status), now.column, SQLValue(report.attemptID)])
  }
}

/// A report on its way.
enum VendorReport: Sendable, Hashable {
  case scheduled(ScheduledReport)
  case status(StatusReport)

  /// Nil for what is none of this version.
  init?(_ message: OutboxMessage) {
    guard message.topic == VendorReports.topic, let json = try? JSONValue(parsing: Array(message.payload.utf8)),
      let body = json["body"]
    else { return nil }
    switch json["kind"]?.string {
    case "scheduled":
      guard let report = try? ScheduledReport(reading: body) else { return nil }
      self = .scheduled(report)
    case "status":
      guard let report = try? StatusReport(reading: body) else { return nil }
      self = .status(report)
    default: return nil
    }
  }

  var json: JSONValue { ["kind": .string(kind), "body": body] }

  var body: JSONValue {
    switch self {
    case .scheduled(let report): report.json
    case .status(let report): report.json
    }
  }

  private var kind: String {
    switch self {
    case .scheduled: "scheduled"
    case .status: "status"
    }
  }

  /// Where the vendor's server takes it (spec §5.4, §5.6).
  var path: String { "/api/v1/deployments/\(kind)" }

  var releaseID: String {
    switch self {
    case .scheduled(let report): report.releaseID
    case .status(let report): report.releaseID
    }
  }

  /// The word in `scheduled_deployment.status` that it reports.
  var status: String {
    switch self {
    case .scheduled: StatusReport.Status.scheduled.rawValue
    case .status(let report): report.status.rawValue
    }
  }

  var attemptID: String? {
    switch self {
    case .scheduled(let report): report.attemptID
    case .status(let report): report.attemptID
    }
  }
}
