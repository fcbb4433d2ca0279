import Audit
import Database
import MaintenanceWindows
import OfferPlanning
import WireFormats

/// Who says when releases are deployed, and how long they are watched: columns of `deployment_config`.
struct PolicyState: Sendable, Hashable {
  var policy = DeploymentPolicy.manual
  /// Why the policy Automatic turned itself off; nil where an admin did, or it is on.
  var automaticOffReason: String?
  /// When an admin turned it on last.
  var automaticSince: Timestamp?
  var allowsMigrations = false
  /// 0: nothing is watched.
  var healthWatchMinutes: Int64 = 10
  var currentVersion: String?
  var lastAgentPoll: Timestamp?

  static let healthWatchRange: ClosedRange<Int64> = 0...1440

  var healthWatchLength: Duration { .seconds(healthWatchMinutes * 60) }

  /// - Parameter locked: whether other transactions wait until this one ends. Each that decides about deployments begins with it.
  static func read(_ connection: any SQLConnection, locked: Bool) throws -> PolicyState {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT c."deploymentPolicy", c."automaticOffReason", \(dialect.text(ofTime: "c.\"automaticSince\"")),
        c."automaticMigrations", c."healthWatchMinutes", c."currentVersion",
        \(dialect.text(ofTime: "c.\"lastAgentPoll\""))
      FROM deployment_config AS c WHERE c.id = 1
      """ + (locked ? dialect.forUpdate(of: "c") : "")
    ).first
    guard let row else { return PolicyState() }
    let minutes = row[4].integer ?? 0
    return PolicyState(
      policy: row[0].text.flatMap(DeploymentPolicy.init) ?? .manual, automaticOffReason: row[1].text,
      automaticSince: row[2].time, allowsMigrations: row[3].boolean ?? false,
      healthWatchMinutes: min(max(minutes, healthWatchRange.lowerBound), healthWatchRange.upperBound),
      currentVersion: row[5].text, lastAgentPoll: row[6].time)
  }

  func write(at now: Timestamp, _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE deployment_config SET "deploymentPolicy" = $1, "automaticOffReason" = $2,
        "automaticSince" = \(dialect.time("$3")), "automaticMigrations" = \(dialect.boolean(allowsMigrations)),
        "healthWatchMinutes" = $4, "updatedAt" = \(dialect.time("$5"))
      WHERE id = 1
      """,
      [
        .text(policy.rawValue), SQLValue(automaticOffReason), SQLValue(automaticSince?.columnText),
        .integer(healthWatchMinutes), now.column,
      ])
  }

  /// What an admin may set.
  var json: JSONValue {
    [
      "deploymentPolicy": .string(policy.rawValue), "automaticMigrations": .bool(allowsMigrations),
      "automaticOffReason": automaticOffReason.map { .string($0) } ?? .null,
      "healthWatchMinutes": .integer(healthWatchMinutes),
    ]
  }

  /// Has people decide from now on, until an admin turns the policy Automatic on again.
  /// - Returns: what admins are to be told; nil where it was off already.
  mutating func turnAutomaticOff(
    because reason: String, at now: Timestamp, _ audit: AuditLedger, _ connection: any SQLConnection
  ) throws -> AdminNotice? {
    guard policy == .automatic else { return nil }
    let before = json
    policy = .manual
    automaticOffReason = reason
    try write(at: now, connection)
    try audit.record(
      [
        AuditEntry(
          actor: Self.actor, action: "DeploymentPolicyChanged", object: "policy",
          detail: ["before": before, "after": json])
      ], in: connection)
    return AdminNotice(.automaticOff, fact: (automaticSince ?? now).description, time: now, detail: reason)
  }

  /// How this program calls itself where it acts by the policy.
  static let actor = "deployment-policy"
}

/// The deployment that the policy Automatic has scheduled and nobody has begun; there is at most one.
struct AutomaticDeployment: Sendable, Hashable {
  var deploymentID: String
  var version: String
  var scheduledFor: Timestamp

  static func find(_ connection: any SQLConnection) throws -> AutomaticDeployment? {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT d.id, d.version, \(dialect.text(ofTime: "d.\"scheduledFor\""))
      FROM scheduled_deployment AS d
      WHERE d.status = 'scheduled' AND d."isAutomatic" AND d."windowOverride" IS NULL LIMIT 1
      """
    ).first
    guard let row, let time = row[2].time else { return nil }
    return AutomaticDeployment(
      deploymentID: row[0].text ?? "", version: row[1].text ?? "", scheduledFor: time)
  }

  var json: JSONValue {
    [
      "deploymentId": .string(deploymentID), "version": .string(version),
      "scheduledFor": .string(scheduledFor.wholeSeconds.description),
    ]
  }
}
