import Database
import FleetProtocol
import OfferPlanning
import WireFormats

extension ScheduledDeployment {
  /// Writes what scheduling decides about; what downloads write stays as it is.
  func save(_ connection: any SQLConnection, at now: Timestamp) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE scheduled_deployment SET status = \(dialect.word("$2", "LocalDeploymentStatus")), "remindersSent" = $3,
        "scheduledFor" = \(dialect.time("$4")), "scheduledBy" = $5, "startedAt" = \(dialect.time("$6")),
        "completedAt" = \(dialect.time("$7")), "helmRevision" = $8, "errorMessage" = $9, "failureReason" = $10,
        attempt = $11, "attemptId" = $12, "declinedAt" = \(dialect.time("$13")), "declinedBy" = $14,
        "declinedReason" = $15, "windowOverride" = $16, "isAutomatic" = \(dialect.boolean(isAutomatic)),
        "updatedAt" = \(dialect.time("$17"))
      WHERE id = $1
      """,
      [
        .text(id), .text(status.rawValue), .integer(remindersSent), SQLValue(scheduledFor?.columnText),
        SQLValue(scheduledBy), SQLValue(startedAt?.columnText), SQLValue(completedAt?.columnText),
        SQLValue(helmRevision), SQLValue(errorMessage), SQLValue(failureReason), .integer(attempt),
        SQLValue(attemptID), SQLValue(declinedAt?.columnText), SQLValue(declinedBy), SQLValue(declinedReason),
        SQLValue(windowOverride), now.column,
      ])
  }

  /// Takes the step that a fact leads to.
  /// - Parameter attemptID: names the attempt, where it is another one.
  /// - Returns: what the vendor is to be told; nil where the fact changes nothing, or the vendor is told nothing.
  mutating func take(_ fact: DeploymentFact, attemptID id: String) -> StatusReport.Status? {
    guard let step = DeploymentRule.step(status, fact) else { return nil }
    status = step.status
    // An offer begins without an attempt, and under a name of its own.
    if step.isNewAttempt, fact != .deadlinePassed || attempt > 0 {
      attempt += 1
      attemptID = id
    }
    return step.report
  }

  /// The newest offer of a version.
  static func find(version: String, in connection: any SQLConnection) throws -> ScheduledDeployment? {
    try connection.query(
      """
      SELECT \(columns(connection.dialect)) FROM scheduled_deployment AS d WHERE d.version = $1
      ORDER BY d."receivedAt" DESC LIMIT 1
      """ + connection.dialect.forUpdate(of: "d"), [.text(version)]
    ).first.map(ScheduledDeployment.init)
  }

  /// Of the artifact that this kind of customer takes.
  func artifactSha256(_ kind: DeploymentSettings.Kind) -> String? {
    artifactSha256 ?? (kind == .kubernetes ? offer?.chartSha256 : offer?.composeSha256)
  }
}
