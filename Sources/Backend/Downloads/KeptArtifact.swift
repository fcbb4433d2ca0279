import Database
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import Timing
import WireFormats

/// A version that somebody wants to return to, or to deploy after all: a row of `kept_artifact`. It stays in the bucket for a while,
/// and where it is not there it is fetched from the vendor once more, whatever is killed meanwhile.
struct KeptArtifact: Sendable, Hashable {
  /// For how long a version stays in the bucket that somebody asked for.
  static let time: Duration = .seconds(3600)
  /// For how long nobody is asked again for what the vendor does not have.
  private static let refusalTime: Duration = .seconds(600)
  private static let backoff = Backoff(base: .seconds(5), maximum: .seconds(120), factor: 4, jitter: 0.2)

  /// Without a `v` before it.
  var version: String
  /// Of what was here under that version before; nil where nothing was.
  var sha256: String?
  /// Since when it is to be fetched; nil where it is not.
  var wantedAt: Timestamp?
  var nextTryAt: Timestamp?
  var attempts: Int64
  /// What went wrong last.
  var problem: String?

  /// Whether the vendor said a short while ago that it does not have it.
  func isRefused(at now: Timestamp) -> Bool {
    wantedAt == nil && problem != nil && (nextTryAt.map { now < $0 && $0 - now <= Self.refusalTime } ?? false)
  }

  // MARK: Rows

  /// Keeps the version from being removed.
  static func keep(_ version: String, at now: Timestamp, in connection: any SQLConnection) throws -> KeptArtifact {
    try connection.execute(
      """
      INSERT INTO kept_artifact (version, "keptUntil") VALUES ($1, \(connection.dialect.time("$2")))
      ON CONFLICT (version) DO UPDATE SET "keptUntil" = excluded."keptUntil"
      """, [.text(version), (now + time).column])
    return try first("k.version = $1", [.text(version)], connection)
      ?? KeptArtifact(version: version, attempts: 0)
  }

  /// Has it fetched.
  func want(at now: Timestamp, in connection: any SQLConnection) throws {
    let time = connection.dialect.time("$2")
    try connection.execute(
      """
      UPDATE kept_artifact SET "wantedAt" = \(time), "nextTryAt" = \(time), attempts = 0, problem = NULL
      WHERE version = $1 AND "wantedAt" IS NULL
      """, [.text(version), now.column])
  }

  /// - Returns: the one to fetch now, claimed until then; or nil, with the time of the next try.
  static func claim(
    until end: Timestamp, at now: Timestamp, in connection: any SQLConnection
  ) throws -> (KeptArtifact?, nextAt: Timestamp?) {
    let dialect = connection.dialect
    let wanted = "k.\"wantedAt\" IS NOT NULL AND k.\"keptUntil\" > \(dialect.time("$1"))"
    let found = try first(
      "\(wanted) AND k.\"nextTryAt\" <= \(dialect.time("$1"))", [now.column], connection,
      lock: dialect.forUpdate(of: "k", skipsLocked: true))
    guard let found else {
      let next = try connection.query(
        "SELECT \(dialect.text(ofTime: "min(k.\"nextTryAt\")")) FROM kept_artifact AS k WHERE \(wanted)", [now.column])
      return (nil, next.first?[0].time)
    }
    try connection.execute(
      "UPDATE kept_artifact SET \"nextTryAt\" = \(dialect.time("$2")) WHERE version = $1",
      [.text(found.version), end.column])
    return (found, nil)
  }

  /// It lies in the bucket: what has ended and is of this content can be scheduled again.
  func satisfy(path: String, at now: Timestamp, in connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE kept_artifact SET "wantedAt" = NULL, "nextTryAt" = NULL, problem = NULL,
        "keptUntil" = \(dialect.time("$2"))
      WHERE version = $1
      """, [.text(version), (now + Self.time).column])
    guard let sha256 else { return }
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "chartDownloaded" = \(dialect.boolean(true)), "chartBucketPath" = $3
      WHERE version = $1 AND lower("artifactSha256") = $2 AND NOT "chartDownloaded"
        AND status IN (\(LocalDeploymentStatus.sql(where: \.isFinal)))
      """, [.text(version), .text(sha256), .text(path)])
  }

  /// - Parameter random: from 0 to below 1.
  func fail(
    _ failure: DownloadFailure, at now: Timestamp, random: Double, in connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    let count = attempts + 1
    let delay =
      failure.isLasting ? Self.refusalTime : Self.backoff.delay(failures: Int(clamping: count), random: random)
    try connection.execute(
      """
      UPDATE kept_artifact SET "nextTryAt" = \(dialect.time("$2")), attempts = $3, problem = $4
        \(failure.isLasting ? ", \"wantedAt\" = NULL" : "")
      WHERE version = $1 AND "wantedAt" IS NOT NULL
      """, [.text(version), (now + delay).column, .integer(count), .text(ReportText.cleaned(failure.message))])
  }

  private static func first(
    _ condition: String, _ parameters: [SQLValue], _ connection: any SQLConnection, lock: String = ""
  ) throws -> KeptArtifact? {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT k.version, \(dialect.text(ofTime: "k.\"wantedAt\"")), \(dialect.text(ofTime: "k.\"nextTryAt\"")),
        k.attempts, k.problem
      FROM kept_artifact AS k WHERE \(condition) ORDER BY k."wantedAt", k.version LIMIT 1
      """ + lock, parameters
    ).first
    guard let row, let version = row[0].text else { return nil }
    return KeptArtifact(
      version: version, sha256: try digest(of: version, connection), wantedAt: row[1].time, nextTryAt: row[2].time,
      attempts: row[3].integer ?? 0, problem: row[4].text)
  }

  /// The digest of a version's artifact that was here before.
  private static func digest(of version: String, _ connection: any SQLConnection) throws -> String? {
    try connection.query(
      """
      SELECT h."artifactSha256" FROM (
        SELECT "artifactSha256", "deployedAt" AS moment, 0 AS place FROM deployment_history
        WHERE version = $1 AND "artifactSha256" IS NOT NULL AND "taskId" IS NOT NULL
        UNION ALL SELECT "artifactSha256", "updatedAt" AS moment, 1 AS place FROM scheduled_deployment
        WHERE version = $1 AND "artifactSha256" IS NOT NULL) AS h
      ORDER BY h.place, h.moment DESC LIMIT 1
      """, [.text(version)]
    ).first?[0].text?.lowercased()
  }
}
