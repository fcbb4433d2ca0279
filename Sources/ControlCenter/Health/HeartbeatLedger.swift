import Database
import FleetKinds
import FleetProtocol
import WireFormats

/// A heartbeat, and whose it is.
struct ReceivedHeartbeat: Sendable {
  var organization: String
  var heartbeat: Heartbeat
}

/// Writes heartbeats as sets into the columns of `organizational_service`. They are no changes of objects, which nobody who
/// watches needs to see every five minutes; only who comes back from being away is.
struct HeartbeatLedger: Sendable {
  let database: any Database
  let events: FleetEvents
  let escalations: EscalationLedger
  let now: @Sendable () -> Timestamp

  /// - Returns: for each whether there is such an organization.
  func write(_ heartbeats: [ReceivedHeartbeat]) async throws -> [Bool] {
    // Of several of one organization the last counts.
    let latest = Dictionary(heartbeats.map { ($0.organization, $0.heartbeat) }) { $1 }
    var rows = RowSet([
      ("name", .text), ("version", .text), ("status", .text), ("polled_at", .text), ("pending", .integer),
    ])
    for (organization, heartbeat) in latest.sorted(by: { $0.key < $1.key }) {
      rows.append([
        .text(organization), SQLValue(heartbeat.version), SQLValue(heartbeat.status),
        SQLValue(heartbeat.agentLastPoll?.columnText), SQLValue(heartbeat.pendingReports),
      ])
    }
    let (set, moment) = (rows, now())
    let known = try await database.transaction(.write) { connection in
      let seen = try Self.update(set, isOnline: true, at: moment, connection)
      guard seen.count < set.count else { return seen }
      let back = try Self.update(set, isOnline: false, at: moment, connection)
      try welcome(back, at: moment, connection)
      return seen + back
    }
    let names = Set(known)
    return heartbeats.map { names.contains($0.organization) }
  }

  /// - Parameter isOnline: those that are online already, whose row alone changes; the others come back with it.
  private static func update(
    _ rows: RowSet, isOnline: Bool, at now: Timestamp, _ connection: any SQLConnection
  ) throws -> [String] {
    let dialect = connection.dialect
    let online = OrganizationHealth.online.columnWord
    let transition =
      isOnline ? "" : ", health = '\(online)', \"isOnline\" = \(dialect.boolean(true)), resource_version = 0"
    let scope = isOnline ? "health = '\(online)'" : "(health IS NULL OR health <> '\(online)')"
    return try connection.query(
      """
      UPDATE organizational_service SET "lastHeartbeat" = \(dialect.time("$2")), "lastSeen" = \(dialect.time("$2")),
        "currentVersion" = coalesce(r.version, "currentVersion"), app_version = coalesce(r.version, app_version),
        "versionSince" = CASE WHEN r.version IS NULL OR r.version = "currentVersion" THEN "versionSince"
          ELSE \(dialect.time("$2")) END,
        "reportedStatus" = coalesce(r.status, "reportedStatus"),
        "agentLastPoll" = coalesce(\(dialect.time("r.polled_at")), "agentLastPoll"), "pendingReports" = r.pending\(transition)
      FROM \(rows.source(dialect)) WHERE organizational_service.name = r.name AND \(scope)
      RETURNING organizational_service.name
      """, [rows.parameter, now.column]
    ).compactMap { $0[0].text }
  }

  /// Organizations that showed otherwise that they are there, and whose `lastSeen` says so already.
  func markSeen(_ organizations: [String], at now: Timestamp, _ connection: any SQLConnection) throws {
    let rows = RowSet("name", of: Set(organizations).sorted())
    let (dialect, online) = (connection.dialect, OrganizationHealth.online.columnWord)
    let back = try connection.query(
      """
      UPDATE organizational_service SET health = '\(online)', "isOnline" = \(dialect.boolean(true)), resource_version = 0
      WHERE name IN (SELECT r.name FROM \(rows.source(dialect))) AND (health IS NULL OR health <> '\(online)')
      RETURNING name
      """, [rows.parameter]
    ).compactMap { $0[0].text }
    try welcome(back, at: now, connection)
  }

  /// What follows where organizations are online that were not.
  private func welcome(_ organizations: [String], at now: Timestamp, _ connection: any SQLConnection) throws {
    guard !organizations.isEmpty else { return }
    try OfflineMarks.set(false, organizations, connection)
    try escalations.resolve(
      organizations.map { ($0, EscalationType.clientOffline.rawValue) }, resolution: "The customer was seen again.",
      at: now, in: connection)
    try events.record(
      organizations.map {
        FleetEvent(
          names: OrganizationKind.names, name: $0, reason: "Online", message: "The customer is online.")
      }, in: connection)
  }
}

/// Whether the organization of an unfinished target can be reached, kept with the target so that it is counted apart.
enum OfflineMarks {
  static func set(_ isOffline: Bool, _ organizations: [String], _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    let rows = RowSet("name", of: organizations)
    try connection.execute(
      """
      UPDATE gcc_deployment_target SET offline = \(dialect.boolean(isOffline)), resource_version = 0
      WHERE "organizationName" IN (SELECT r.name FROM \(rows.source(dialect)))
        AND bucket IN ('waiting', 'notifying', 'consent', 'offline', 'silent', 'blocked', 'scheduled', 'inProgress')
        AND offline <> \(dialect.boolean(isOffline))
      """, [rows.parameter])
  }
}
