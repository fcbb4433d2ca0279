import Database
import FleetKinds
import FleetPlanning
import WireFormats

/// The rows of `gcc_deployment_target` as decisions see them: read and written in sets.
enum TargetRows {
  struct Row: Sendable {
    var id: String
    var organization: String
    var version: String
    var facts: TargetFacts
    /// Where it is passed over: what the decision was made on, as `OfferLedger` has it.
    var blockedOn: String?
  }

  /// What `row(_:)` reads, of a table named `t`.
  static func columns(_ dialect: SQLDialect) -> String {
    let times = ["offeredAt", "scheduledFor", "startedAt", "completedAt"].map { dialect.text(ofTime: "t.\"\($0)\"") }
    return """
      t.id, t."organizationName", t."releaseId", t."releaseVersion", CAST(t.status AS text), t.blocked, t.silent, t.offline,
      t."attemptId", t.attempt, CAST(t."endedAttempts" AS text), t."helmRevision", t."errorMessage", t."failureReason",
      t.component, \(times.joined(separator: ", "))
      """
  }

  static let columnCount = 19

  static func row(_ row: SQLRow) -> Row {
    let ended = row[10].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.array ?? []
    return Row(
      id: row[0].text ?? "", organization: row[1].text ?? "", version: row[3].text ?? "",
      facts: TargetFacts(
        releaseID: row[2].text ?? "", phase: row[4].text.flatMap { TargetPhase(columnWord: $0) } ?? .pending,
        offeredAt: row[15].time, blocked: row[5].text.flatMap(BlockReason.init(rawValue:)),
        isSilent: row[6].boolean ?? false, isOffline: row[7].boolean ?? false, attemptID: row[8].text,
        attempt: row[9].integer, endedAttempts: ended.compactMap(\.string), scheduledFor: row[16].time,
        startedAt: row[17].time, completedAt: row[18].time, helmRevision: row[11].integer,
        errorMessage: row[12].text, reason: row[13].text, component: row[14].text))
  }

  /// - Parameter sentWebhooks: of an offer: for which a webhook is sent; what was known of an earlier one is forgotten. Nil
  ///   where nothing is offered.
  static func write(
    _ changed: [Row], sentWebhooks: Set<String>? = nil, at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    guard !changed.isEmpty else { return }
    let dialect = connection.dialect
    var rows = RowSet([
      ("id", .text), ("status", .text), ("offered_at", .text), ("blocked", .text), ("blocked_on", .text),
      ("silent", .text),
      ("sent", .text),
      ("attempt_id", .text), ("attempt", .integer), ("ended", .text), ("scheduled_for", .text), ("started_at", .text),
      ("completed_at", .text), ("revision", .integer), ("error", .text), ("reason", .text), ("component", .text),
    ])
    func flag(_ value: Bool) -> SQLValue {
      .text(dialect == .postgresql ? (value ? "true" : "false") : (value ? "1" : "0"))
    }
    for row in changed.sorted(by: { $0.id < $1.id }) {
      let facts = row.facts
      let ended =
        facts.endedAttempts.isEmpty ? nil : JSONValue.array(facts.endedAttempts.map { .string($0) }).text
      rows.append([
        .text(row.id), .text(facts.phase.columnWord), SQLValue(facts.offeredAt?.columnText),
        SQLValue(facts.blocked?.rawValue), SQLValue(row.blockedOn), flag(facts.isSilent),
        flag(sentWebhooks?.contains(row.id) ?? false),
        SQLValue(facts.attemptID), SQLValue(facts.attempt), SQLValue(ended),
        SQLValue(facts.scheduledFor?.columnText), SQLValue(facts.startedAt?.columnText),
        SQLValue(facts.completedAt?.columnText), SQLValue(facts.helmRevision), SQLValue(facts.errorMessage),
        SQLValue(facts.reason), SQLValue(facts.component),
      ])
    }
    func boolean(_ column: String) -> String {
      dialect == .postgresql ? "CAST(\(column) AS boolean)" : "CAST(\(column) AS integer)"
    }
    let no = dialect.boolean(false)
    let webhook =
      sentWebhooks == nil
      ? ""
      : """
      "webhookSent" = \(boolean("r.sent")), "webhookAcked" = \(no), "webhookRetries" = 0, "webhookError" = NULL,
      """
    try connection.execute(
      """
      UPDATE gcc_deployment_target SET status = \(dialect.word("r.status", "DeploymentStatus")),
        "offeredAt" = \(dialect.time("r.offered_at")), blocked = r.blocked, "blockedOn" = r.blocked_on,
        silent = \(boolean("r.silent")), \(webhook)
        "attemptId" = r.attempt_id, attempt = r.attempt,
        "endedAttempts" = \(dialect == .postgresql ? "CAST(r.ended AS jsonb)" : "r.ended"),
        "scheduledFor" = \(dialect.time("r.scheduled_for")), "startedAt" = \(dialect.time("r.started_at")),
        "completedAt" = \(dialect.time("r.completed_at")), "helmRevision" = r.revision, "errorMessage" = r.error,
        "failureReason" = r.reason, component = r.component, "updatedAt" = \(dialect.time("$2")), resource_version = 0
      FROM \(rows.source(dialect)) WHERE gcc_deployment_target.id = r.id
      """, [rows.parameter, now.column])
  }
}
