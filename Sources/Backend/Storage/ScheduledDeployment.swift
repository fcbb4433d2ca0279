import Database
import FleetProtocol
import OfferPlanning
import WireFormats

/// A release as this customer has it: a row of `scheduled_deployment` (spec §13).
struct ScheduledDeployment: Sendable, Hashable {
  var id: String
  var releaseID: String
  /// Such as `v2.3.0`.
  var releaseName: String
  var version: String
  /// The body that offered it (spec §5.2).
  var releaseData: JSONValue
  var status: LocalDeploymentStatus
  var isForced: Bool
  var forceDeadline: Timestamp?
  /// How many of the reminders of a forced update were sent (spec §10.2).
  var remindersSent: Int64
  var scheduledFor: Timestamp?
  var scheduledBy: String?
  var chartBucketPath: String?
  /// Whether the artifact lies in the bucket, whole and verified.
  var isDownloaded: Bool
  var artifactSha256: String?
  var startedAt: Timestamp?
  var completedAt: Timestamp?
  var helmRevision: Int64?
  var errorMessage: String?
  var failureReason: String?
  var receivedAt: Timestamp
  var downloadAttempts: Int64
  var nextDownloadAt: Timestamp?
  var downloadError: String?
  var downloadedBytes: Int64
  var totalBytes: Int64?
  /// Counts the attempts to deploy it, from 1; 0 before the first.
  var attempt: Int64
  /// Names the present attempt in reports.
  var attemptID: String?
  var declinedAt: Timestamp?
  var declinedBy: String?
  var declinedReason: String?
  /// Why it was scheduled outside the maintenance windows.
  var windowOverride: String?
  var isAutomatic: Bool
  var preflight: JSONValue?
  /// When the vendor was found to offer it no more; nil while it does.
  var withdrawnAt: Timestamp?

  static func columns(_ dialect: SQLDialect, of table: String = "d") -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "\(table).\"\(name)\"") }
    func column(_ name: String) -> String { "\(table).\"\(name)\"" }
    func json(_ name: String) -> String { "CAST(\(column(name)) AS text)" }
    return [
      column("id"), column("gccReleaseId"), column("releaseName"), column("version"), json("releaseData"),
      "CAST(\(column("status")) AS text)", column("isForced"), time("forceDeadline"), column("remindersSent"),
      time("scheduledFor"), column("scheduledBy"), column("chartBucketPath"), column("chartDownloaded"),
      column("artifactSha256"), time("startedAt"), time("completedAt"), column("helmRevision"),
      column("errorMessage"), column("failureReason"), time("receivedAt"), column("downloadAttempts"),
      time("nextDownloadAt"), column("downloadError"), column("downloadedBytes"), column("totalBytes"),
      column("attempt"), column("attemptId"), time("declinedAt"), column("declinedBy"), column("declinedReason"),
      column("windowOverride"), column("isAutomatic"), json("preflight"),
      time("withdrawnAt"),
    ].joined(separator: ", ")
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    id = row[0].text ?? ""
    releaseID = row[1].text ?? ""
    releaseName = row[2].text ?? ""
    releaseData = Self.json(row[4]) ?? .null
    version = row[3].text.flatMap { $0.isEmpty ? nil : $0 } ?? releaseData["release"]?["version"]?.string ?? ""
    status = row[5].text.flatMap(LocalDeploymentStatus.init) ?? .pending
    isForced = row[6].boolean ?? false
    forceDeadline = row[7].time
    remindersSent = row[8].integer ?? 0
    scheduledFor = row[9].time
    scheduledBy = row[10].text
    chartBucketPath = row[11].text
    isDownloaded = row[12].boolean ?? false
    artifactSha256 = row[13].text
    startedAt = row[14].time
    completedAt = row[15].time
    helmRevision = row[16].integer
    errorMessage = row[17].text
    failureReason = row[18].text
    receivedAt = row[19].time ?? Timestamp(seconds: 0)
    downloadAttempts = row[20].integer ?? 0
    nextDownloadAt = row[21].time
    downloadError = row[22].text
    downloadedBytes = row[23].integer ?? 0
    totalBytes = row[24].integer
    attempt = row[25].integer ?? 0
    attemptID = row[26].text
    declinedAt = row[27].time
    declinedBy = row[28].text
    declinedReason = row[29].text
    windowOverride = row[30].text
    isAutomatic = row[31].boolean ?? false
    preflight = Self.json(row[32])
    withdrawnAt = row[33].time
  }

  private static func json(_ value: SQLValue) -> JSONValue? {
    value.text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
  }

  /// What the vendor offered; nil where the row holds what another program wrote and this one cannot read.
  var offer: ReleaseOffer? { try? ReleaseOffer.reading(releaseData) }

  /// Whether it has ended, and its artifact was downloaded and has left the bucket since.
  var mustBeFetchedAgain: Bool { !isDownloaded && artifactSha256 != nil && status.isFinal && status != .success }

  static func find(id: String, in connection: any SQLConnection) throws -> ScheduledDeployment? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM scheduled_deployment AS d WHERE d.id = $1"
        + connection.dialect.forUpdate(of: "d"), [.text(id)]
    ).first.map(ScheduledDeployment.init)
  }

  static func find(releaseID: String, in connection: any SQLConnection) throws -> ScheduledDeployment? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM scheduled_deployment AS d WHERE d.\"gccReleaseId\" = $1"
        + connection.dialect.forUpdate(of: "d"), [.text(releaseID)]
    ).first.map(ScheduledDeployment.init)
  }
}
