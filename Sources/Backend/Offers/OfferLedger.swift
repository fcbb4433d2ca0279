import Database
import DeploymentKinds
import FleetProtocol
import Logging
import OfferPlanning
import WireFormats

/// Takes in what the vendor offers: the decision's rows, notices and reports, in one transaction.
struct OfferLedger: Sendable {
  let settings: DeploymentSettings
  /// By which the vendor knows this customer.
  let organization: String
  let notices: NoticeLedger
  let reports: VendorReports
  let makeID: @Sendable () -> String
  let logger: Logger

  /// Of a forced update, from its receipt (spec §10.2).
  static let forcedTime: Duration = .seconds(24 * 3600)

  /// What an intake leaves behind.
  struct Outcome: Sendable, Hashable {
    /// Whether the answer's tag stands for what was taken in: the same answer needs no second look.
    var isTakenIn: Bool
    /// Whether the vendor should be asked again after this time at the latest.
    var askAgain: Duration?
    /// Whether there is something to download.
    var hasDownload = false
  }

  /// - Parameters:
  ///   - askedAt: when the answer was asked for.
  ///   - problem: why an offer was refused before this one; nil where none was.
  func takeIn(
    _ offer: ReleaseOffer, askedAt: Timestamp, problem: String?, at now: Timestamp, in connection: any SQLConnection
  ) throws -> Outcome {
    let (facts, known) = try facts(offer, connection)
    let decision = OfferIntake.decide(offer, facts, askedAt: askedAt)
    var outcome = Outcome(isTakenIn: true)
    var (notes, told): ([AdminNotice], [VendorReport]) = ([], [])
    switch decision {
    case .keep(let isDifferent): outcome.isTakenIn = !isDifferent
    case .tooEarly(let wait): outcome = Outcome(isTakenIn: false, askAgain: wait)
    case .add(let demand, _):
      let id = makeID()
      try insert(offer, demand, id: id, status: .pending, at: now, connection)
      notes = offer.isForced ? [forced(demand, id: id, at: now)] : []
      outcome.hasDownload = true
      log("A release is offered", demand)
    case .addRunning(let demand):
      let id = makeID()
      try insert(offer, demand, id: id, status: .success, at: now, connection)
      told = [runs(offer, demand, attempt: 0, attemptID: nil, at: now)]
      log("A release is offered that runs already", demand)
    case .replace(let demand, let isNewArtifact, let becomesForced):
      guard let known else { break }
      try replace(offer, demand, known, isNewArtifact: isNewArtifact, becomesForced: becomesForced, at: now, connection)
      notes = becomesForced ? [forced(demand, id: known.id, at: now)] : []
      outcome.hasDownload = isNewArtifact
      log("The vendor changed a release that is offered", demand)
    case .again(let demand, _):
      guard let known else { break }
      try offerAgain(offer, demand, known, at: now, connection)
      notes = offer.isForced ? [forced(demand, id: known.id, at: now)] : []
      outcome.hasDownload = true
      log("A release is offered once more", demand)
    case .runsStill:
      guard let known, let demand = try? ArtifactDemand(offer, runtime: settings.kind.runtime) else { break }
      let (attempt, attemptID) = (known.attempt + 1, makeID())
      try connection.execute(
        "UPDATE scheduled_deployment SET attempt = $2, \"attemptId\" = $3 WHERE id = $1",
        [.text(known.id), .integer(attempt), .text(attemptID)])
      told = [runs(offer, demand, attempt: attempt, attemptID: attemptID, at: now)]
    case .refuse(let refusal):
      outcome.isTakenIn = false
      try refuse(offer, refusal, isKnown: problem == Self.problem(offer, refusal), connection)
      return outcome
    }
    if problem != nil { try clearProblem(connection) }
    try notices.record(notes, in: connection)
    try reports.record(told, in: connection)
    return outcome
  }

  // MARK: What is not offered any more

  /// Takes back what the vendor offers no more and nobody has begun. What is scheduled is only marked here, and cancelled by the next pass
  /// of `AutomaticDeployments`.
  /// - Parameter offer: the vendor's whole answer; nil where it offers nothing.
  /// - Returns: after which time to ask again, where that cannot be said of all of it yet.
  func takeBack(
    besides offer: ReleaseOffer?, askedAt: Timestamp, at now: Timestamp, in connection: any SQLConnection
  ) throws -> Duration? {
    let dialect = connection.dialect
    if let offer {
      try connection.execute(
        """
        UPDATE scheduled_deployment SET "withdrawnAt" = NULL WHERE "gccReleaseId" = $1 AND "withdrawnAt" IS NOT NULL
        """, [.text(offer.releaseID)])
    }
    let candidates = try connection.query(
      """
      SELECT d.id, d."gccReleaseId", d.version, \(dialect.text(ofTime: "d.\"receivedAt\"")) FROM scheduled_deployment AS d
      WHERE \(Self.notBegun(dialect)) AND d."gccReleaseId" <> $1 ORDER BY d.id LIMIT \(OfferIntake.maximumOpen)
      """ + dialect.forUpdate(of: "d"), [.text(offer?.releaseID ?? "")]
    ).map { row in
      OfferWithdrawal.Candidate(
        id: row[0].text ?? "", releaseID: row[1].text ?? "", version: row[2].text ?? "",
        receivedAt: row[3].time ?? Timestamp(seconds: 0))
    }
    let outcome = OfferWithdrawal.decide(candidates, offer, askedAt: askedAt)
    guard !outcome.withdrawn.isEmpty else { return outcome.askAgain }
    let rows = RowSet("id", of: outcome.withdrawn)
    let these = "id IN (SELECT r.id FROM \(rows.source(dialect)))"
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "withdrawnAt" = \(dialect.time("$2")), "remindersSent" = \(ForcedDeadline.allSent),
        "updatedAt" = \(dialect.time("$2")) WHERE \(these)
      """, [rows.parameter, now.column])
    // The vendor needs no report of what it did itself; as if it had one, it may offer the release once more.
    try connection.execute(
      """
      UPDATE scheduled_deployment SET status = \(dialect.word("'cancelled'", "LocalDeploymentStatus")),
        "failureReason" = 'Withdrawn', "errorMessage" = 'The vendor has taken the release back',
        "completedAt" = \(dialect.time("$2")), "reportedAt" = \(dialect.time("$2"))
      WHERE status = 'pending' AND \(these)
      """, [rows.parameter, now.column])
    for id in outcome.withdrawn { try notices.resolveAll(about: id, in: connection) }
    return outcome.askAgain
  }

  /// What an answer of the vendor's may take back.
  static func notBegun(_ dialect: SQLDialect) -> String {
    """
    d.status IN ('pending', 'scheduled') AND d."withdrawnAt" IS NULL
      AND d."offerEnded" = \(dialect.boolean(false))
    """
  }

  // MARK: Facts

  private func facts(
    _ offer: ReleaseOffer, _ connection: any SQLConnection
  ) throws -> (OfferIntake.Facts, known: ScheduledDeployment?) {
    let dialect = connection.dialect
    let known = try ScheduledDeployment.find(releaseID: offer.releaseID, in: connection)
    var facts = OfferIntake.Facts(runtime: settings.kind.runtime)
    facts.currentVersion =
      try connection.query("SELECT \"currentVersion\" FROM deployment_config WHERE id = 1").first?[0].text
    facts.currentSha256 =
      try connection.query(
        """
        SELECT h."artifactSha256" FROM deployment_history AS h, deployment_config AS c
        WHERE h."isCurrent" AND h.version = c."currentVersion" AND h."artifactSha256" IS NOT NULL
        """
      ).first?[0].text?.lowercased()
    let running = try connection.query(
      """
      SELECT \(dialect.text(ofTime: "d.\"reportedAt\"")) FROM scheduled_deployment AS d, deployment_config AS c
      WHERE d.version = c."currentVersion" AND d.status = 'success' ORDER BY d."completedAt" DESC LIMIT 1
      """
    ).first
    facts.hearing = running.map { $0[0].time.map { .since($0) } ?? .pending } ?? .unknown
    let final = LocalDeploymentStatus.sql(where: \.isFinal)
    facts.openCount = Int(
      try connection.query("SELECT count(*) FROM scheduled_deployment WHERE status NOT IN (\(final))")
        .first?[0].integer ?? 0)
    if let known {
      let reportedAt = try connection.query(
        "SELECT \(dialect.text(ofTime: "\"reportedAt\"")) FROM scheduled_deployment WHERE id = $1", [.text(known.id)]
      ).first?[0].time
      facts.known = OfferIntake.Known(status: known.status, offer: known.offer, reportedAt: reportedAt)
    } else {
      let version = offer.version.hasPrefix("v") ? String(offer.version.dropFirst()) : offer.version
      // What lies in the bucket under that version's path, or ran here.
      facts.otherDigests = Set(
        try connection.query(
          """
          SELECT "artifactSha256" FROM scheduled_deployment WHERE version = $1 AND "artifactSha256" IS NOT NULL
          UNION SELECT "artifactSha256" FROM deployment_history
          WHERE version = $1 AND "artifactSha256" IS NOT NULL AND "taskId" IS NOT NULL
          """, [.text(version)]
        ).compactMap { $0[0].text?.lowercased() })
    }
    return (facts, known)
  }

  // MARK: Rows

  private func insert(
    _ offer: ReleaseOffer, _ demand: ArtifactDemand, id: String, status: LocalDeploymentStatus, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    let deadline = offer.isForced && status == .pending ? now + Self.forcedTime : nil
    try connection.execute(
      """
      INSERT INTO scheduled_deployment (
        id, "gccReleaseId", "releaseName", version, "releaseData", "isForced", "forceDeadline", status, "receivedAt",
        "nextDownloadAt", "completedAt", "attemptId")
      VALUES ($1, $2, $3, $4, \(dialect.json("$5")), \(dialect.boolean(offer.isForced)), \(dialect.time("$6")),
        \(dialect.word("$7", "LocalDeploymentStatus")), \(dialect.time("$8")), \(dialect.time("$8")),
        \(status == .success ? dialect.time("$8") : "NULL"), $9)
      ON CONFLICT ("gccReleaseId") DO NOTHING
      """,
      [
        .text(id), .text(offer.releaseID), .text("v\(demand.version)"), .text(demand.version), .text(offer.json.text),
        SQLValue(deadline?.columnText), .text(status.rawValue), now.column, .text(makeID()),
      ])
  }

  private func replace(
    _ offer: ReleaseOffer, _ demand: ArtifactDemand, _ known: ScheduledDeployment, isNewArtifact: Bool,
    becomesForced: Bool, at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    // The deadline of a release that was forced before stays.
    let deadline = offer.isForced ? known.forceDeadline ?? now + Self.forcedTime : nil
    let artifact =
      isNewArtifact
      ? """
      , "chartDownloaded" = \(dialect.boolean(false)), "chartBucketPath" = NULL, "artifactSha256" = NULL,
        "downloadAttempts" = 0, "downloadedBytes" = 0, "totalBytes" = NULL, "downloadError" = NULL, preflight = NULL
      """ : ", preflight = NULL"
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "releaseName" = $2, version = $3, "releaseData" = \(dialect.json("$4")),
        "isForced" = \(dialect.boolean(offer.isForced)), "forceDeadline" = \(dialect.time("$5")),
        "remindersSent" = \(becomesForced ? "0" : "\"remindersSent\""), "offerEnded" = \(dialect.boolean(false)),
        "nextDownloadAt" = \(dialect.time("$6")),
        "updatedAt" = \(dialect.time("$6"))\(artifact)
      WHERE id = $1
      """,
      [
        .text(known.id), .text("v\(demand.version)"), .text(demand.version), .text(offer.json.text),
        SQLValue(deadline?.columnText), now.column,
      ])
    if isNewArtifact { try notices.resolveAll(about: known.id, in: connection) }
  }

  private func offerAgain(
    _ offer: ReleaseOffer, _ demand: ArtifactDemand, _ known: ScheduledDeployment, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    let deadline = offer.isForced ? now + Self.forcedTime : nil
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "releaseName" = $2, version = $3, "releaseData" = \(dialect.json("$4")),
        "isForced" = \(dialect.boolean(offer.isForced)), "forceDeadline" = \(dialect.time("$5")), "remindersSent" = 0,
        status = \(dialect.word("'pending'", "LocalDeploymentStatus")), "receivedAt" = \(dialect.time("$6")),
        "updatedAt" = \(dialect.time("$6")), "nextDownloadAt" = \(dialect.time("$6")), attempt = attempt + 1,
        "attemptId" = $7, "scheduledFor" = NULL, "scheduledBy" = NULL, "startedAt" = NULL, "completedAt" = NULL,
        "helmRevision" = NULL, "errorMessage" = NULL, "failureReason" = NULL, "declinedAt" = NULL, "declinedBy" = NULL,
        "declinedReason" = NULL, "windowOverride" = NULL, "isAutomatic" = \(dialect.boolean(false)), preflight = NULL,
        "chartDownloaded" = \(dialect.boolean(false)), "downloadAttempts" = 0, "downloadedBytes" = 0,
        "totalBytes" = NULL, "downloadError" = NULL, "reportedToGcc" = \(dialect.boolean(false)), "reportedAt" = NULL,
        "offerEnded" = \(dialect.boolean(false)), "withdrawnAt" = NULL
      WHERE id = $1
      """,
      [
        .text(known.id), .text("v\(demand.version)"), .text(demand.version), .text(offer.json.text),
        SQLValue(deadline?.columnText), now.column, .text(makeID()),
      ])
    try notices.resolveAll(about: known.id, in: connection)
  }

  // MARK: What is told

  private func forced(_ demand: ArtifactDemand, id: String, at now: Timestamp) -> AdminNotice {
    AdminNotice(
      .forcedUpdate, fact: id, version: demand.version, time: now + Self.forcedTime,
      detail: "FORCED UPDATE: v\(demand.version) must be deployed within 24 hours")
  }

  private func runs(
    _ offer: ReleaseOffer, _ demand: ArtifactDemand, attempt: Int64, attemptID: String?, at now: Timestamp
  ) -> VendorReport {
    .status(
      StatusReport(
        organizationName: organization, releaseID: offer.releaseID, status: .success, deployedAt: now,
        currentVersion: demand.version, reason: "AlreadyThere", attemptID: attemptID, attempt: attempt))
  }

  // MARK: What is refused

  private static func problem(_ offer: ReleaseOffer, _ refusal: OfferRefusal) -> String {
    "\(offer.releaseID) \(refusal.reason.rawValue) \(refusal.message)"
  }

  /// There is no row of it: it is told once, for as long as it is the one that is offered.
  private func refuse(
    _ offer: ReleaseOffer, _ refusal: OfferRefusal, isKnown: Bool, _ connection: any SQLConnection
  ) throws {
    if isKnown { return }
    try setProblem(Self.problem(offer, refusal), connection)
    logger.warning(
      "An offer of the vendor is refused",
      metadata: ["reason": "\(refusal.reason.rawValue)", "error": "\(refusal.message)"])
    try notices.settle(
      .downloadFailed, about: Self.problemFact,
      holding: [
        AdminNotice(
          .downloadFailed, fact: "\(Self.problemFact)\(offer.releaseID.prefix(128))/\(refusal.reason.rawValue)",
          version: String(offer.version.prefix(ArtifactDemand.maximumVersionBytes)), detail: refusal.message,
          reason: refusal.reason.rawValue)
      ], in: connection)
    guard offer.releaseID.utf8.count <= 128 else { return }
    try reports.record(
      [
        .status(
          StatusReport(
            organizationName: organization, releaseID: offer.releaseID, status: .downloadFailed,
            errorMessage: refusal.message, reason: refusal.reason.rawValue))
      ], in: connection)
  }

  /// What notices of offers without a row begin with.
  private static let problemFact = "offer/"

  /// Nothing is offered any more that had to be refused.
  func clearProblem(_ connection: any SQLConnection) throws {
    try setProblem(nil, connection)
    try notices.settle(.downloadFailed, about: Self.problemFact, in: connection)
  }

  private func setProblem(_ problem: String?, _ connection: any SQLConnection) throws {
    try connection.execute(
      "UPDATE deployment_config SET \"offerProblem\" = $1 WHERE id = 1", [SQLValue(problem)])
  }

  private func log(_ message: Logger.Message, _ demand: ArtifactDemand) {
    logger.info(message, metadata: ["version": "\(demand.version)", "sha256": "\(demand.sha256)"])
  }
}
