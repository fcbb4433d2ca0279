import Database
import FleetProtocol
import OfferPlanning
import ReleaseManifest
import WireFormats

/// What is to be downloaded, and what became of it: rows of `scheduled_deployment`. The time of the next try is also the claim
/// of the process that is at it, so that what a killed one had begun another takes up.
struct DownloadLedger: Sendable {
  let settings: DeploymentSettings
  /// By which the vendor knows this customer.
  let organization: String
  let notices: NoticeLedger
  let reports: VendorReports

  /// For how long a process may be silent.
  static let lease: Duration = .seconds(120)
  /// No try is further away: a time that is comes from a clock that was wrong.
  private static let longestPause: Duration = .seconds(86_400)

  /// What about the bucket is told once for all releases.
  private static let bucketFact = "bucket"

  /// Those that are downloaded: they can still be deployed, and wait for it.
  private static let open = LocalDeploymentStatus.sql(where: \.isWaiting)

  /// - Parameter token: names this try; nobody else's news of it count until the claim has ended.
  /// - Returns: the release to download now, claimed; or nil, with the time of the next try.
  func claim(
    _ token: String, at now: Timestamp, in connection: any SQLConnection
  ) throws -> (ScheduledDeployment?, nextAt: Timestamp?) {
    let dialect = connection.dialect
    let waiting = "NOT d.\"chartDownloaded\" AND d.status IN (\(Self.open))"
    let found = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d
      WHERE \(waiting) AND (d."nextDownloadAt" IS NULL OR d."nextDownloadAt" <= \(dialect.time("$1"))
        OR d."nextDownloadAt" > \(dialect.time("$2")))
      ORDER BY d."isForced" DESC, d."nextDownloadAt", d.id LIMIT 1
      """ + dialect.forUpdate(of: "d", skipsLocked: true), [now.column, (now + Self.longestPause).column]
    ).first.map(ScheduledDeployment.init)
    guard let found else {
      let next = try connection.query(
        "SELECT \(dialect.text(ofTime: "min(d.\"nextDownloadAt\")")) FROM scheduled_deployment AS d WHERE \(waiting)"
      ).first?[0].time
      // Nothing waits for the bucket any more.
      if next == nil { try notices.settle(.bucketUnavailable, in: connection) }
      return (nil, next)
    }
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "nextDownloadAt" = \(dialect.time("$2")), "downloadClaim" = $3 WHERE id = $1
      """, [.text(found.id), (now + Self.lease).column, .text(token)])
    return (found, nil)
  }

  /// - Parameter next: when the claim ends.
  /// - Returns: false where it is another's by now.
  @discardableResult
  func renew(_ id: String, _ token: String, until next: Timestamp, in connection: any SQLConnection) throws -> Bool {
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "nextDownloadAt" = \(connection.dialect.time("$3"))
      WHERE id = $1 AND "downloadClaim" = $2 AND NOT "chartDownloaded"
      """, [.text(id), .text(token), next.column]) > 0
  }

  /// For people to see.
  func progress(
    _ id: String, _ token: String, done: Int64, total: Int64?, in connection: any SQLConnection
  ) throws {
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "downloadedBytes" = $3, "totalBytes" = $4
      WHERE id = $1 AND "downloadClaim" = $2 AND NOT "chartDownloaded"
      """, [.text(id), .text(token), .integer(done), SQLValue(total)])
  }

  /// It lies in the bucket, whole and verified: admins are told that they can schedule it.
  /// - Returns: false where another artifact is wanted by now, or none.
  func complete(
    _ id: String, _ demand: ArtifactDemand, byteCount: Int64, at now: Timestamp, in connection: any SQLConnection
  ) throws -> Bool {
    guard let row = try ScheduledDeployment.find(id: id, in: connection), !row.status.isFinal, !row.isDownloaded,
      let offer = row.offer
    else { return false }
    guard let wanted = try? ArtifactDemand(offer, runtime: settings.kind.runtime), wanted.sha256 == demand.sha256,
      wanted.version == demand.version
    else {
      try connection.execute(
        "UPDATE scheduled_deployment SET \"nextDownloadAt\" = \(connection.dialect.time("$2")) WHERE id = $1",
        [.text(id), now.column])
      return false
    }
    let dialect = connection.dialect
    let step = DeploymentRule.step(row.status, .downloaded)
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "chartDownloaded" = \(dialect.boolean(true)), "chartBucketPath" = $2,
        "artifactSha256" = $3, "downloadedBytes" = $4, "totalBytes" = $4, "downloadAttempts" = 0, "downloadError" = NULL,
        "nextDownloadAt" = NULL, "updatedAt" = \(dialect.time("$5")),
        status = \(dialect.word("$6", "LocalDeploymentStatus"))
        \(step == nil ? "" : ", \"errorMessage\" = NULL, \"failureReason\" = NULL")
      WHERE id = $1
      """,
      [
        .text(id), .text(settings.artifactPath(version: demand.version)), .text(demand.sha256), .integer(byteCount),
        now.column, .text((step?.status ?? row.status).rawValue),
      ])
    try notices.resolve(.downloadFailed, fact: id, in: connection)
    try notices.resolve(.checksumMismatch, fact: id, in: connection)
    var told: [AdminNotice] = []
    if try notices.resolve(.bucketUnavailable, fact: Self.bucketFact, in: connection) {
      told.append(AdminNotice(.bucketRecovered, fact: "\(Self.bucketFact)/\(now.columnText)", time: now))
    }
    let current = try connection.query("SELECT \"currentVersion\" FROM deployment_config WHERE id = 1").first?[0].text
    let returning = Self.returning(from: current, to: demand.version)
    // What something newer has overtaken since it was offered is no news: nobody wants to return to it.
    let isOvertaken = try returning != nil && Self.isAnythingDeployed(since: row.receivedAt, connection)
    if !isOvertaken {
      told.append(
        AdminNotice(
          .releaseAvailable, fact: id, version: demand.version, time: row.forceDeadline, detail: returning))
      if offer.isMigrationRequired || offer.estimatedDowntime?.isEmpty == false {
        told.append(
          AdminNotice(.migrationDowntime, fact: id, version: demand.version, detail: offer.estimatedDowntime))
      }
    }
    try notices.record(told, in: connection)
    return true
  }

  private static func isAnythingDeployed(since time: Timestamp, _ connection: any SQLConnection) throws -> Bool {
    try !connection.query(
      """
      SELECT 1 FROM deployment_history AS h
      WHERE h."isCurrent" AND h."deployedAt" >= \(connection.dialect.time("$1")) LIMIT 1
      """, [time.column]
    ).isEmpty
  }

  private static func returning(from current: String?, to version: String) -> String? {
    guard let current, let running = SemanticVersion(current), let offered = SemanticVersion(version), offered < running
    else { return nil }
    return "It is older than \(current), which runs here: the vendor offers it to return to."
  }

  /// - Parameter random: from 0 to below 1.
  func fail(
    _ id: String, _ token: String, _ failure: DownloadFailure, at now: Timestamp, random: Double,
    in connection: any SQLConnection
  ) throws {
    guard let row = try ScheduledDeployment.find(id: id, in: connection), !row.status.isFinal, !row.status.isActive,
      try renew(id, token, until: now, in: connection)
    else { return }
    let decision = DownloadDecision(
      after: failure, status: row.status, attempts: row.downloadAttempts, now: now, random: random)
    let dialect = connection.dialect
    let message = ReportText.cleaned(failure.message)
    let isFailed = decision.status == .downloadFailed
    try connection.execute(
      """
      UPDATE scheduled_deployment SET status = \(dialect.word("$2", "LocalDeploymentStatus")), "downloadAttempts" = $3,
        "nextDownloadAt" = \(dialect.time("$4")), "downloadError" = $5, "updatedAt" = \(dialect.time("$6")),
        "errorMessage" = \(isFailed ? "$5" : "\"errorMessage\""),
        "failureReason" = \(isFailed ? "$7" : "\"failureReason\""),
        "offerEnded" = \(isFailed ? dialect.boolean(true) : "\"offerEnded\"")
      WHERE id = $1
      """,
      [
        .text(id), .text(decision.status.rawValue), .integer(decision.attempts), decision.nextAt.column,
        .text(message), now.column,
      ] + (isFailed ? [.text(failure.reason)] : []))
    if let kind = decision.notice {
      let isBucket = kind == .bucketUnavailable
      try notices.record(
        [
          AdminNotice(
            kind, fact: isBucket ? Self.bucketFact : id, version: isBucket ? nil : row.version, detail: message,
            reason: kind == .downloadFailed ? failure.reason : nil)
        ], in: connection)
    }
    guard isFailed, row.status != .downloadFailed else { return }
    try reports.record(
      [
        .status(
          StatusReport(
            organizationName: organization, releaseID: row.releaseID, status: .downloadFailed, errorMessage: message,
            reason: failure.reason, attemptID: row.attemptID, attempt: row.attempt))
      ], in: connection)
  }

  /// Digests of what is still to be downloaded, or uploaded.
  func openDigests(_ connection: any SQLConnection) throws -> Set<String> {
    let rows = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d
      WHERE NOT d."chartDownloaded" AND d.status IN (\(Self.open)) LIMIT \(OfferIntake.maximumOpen * 2)
      """)
    return Set(
      rows.compactMap { row in
        ScheduledDeployment(row).offer.flatMap { try? ArtifactDemand($0, runtime: settings.kind.runtime) }?.sha256
      })
  }
}
