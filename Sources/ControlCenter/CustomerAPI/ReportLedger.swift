import CoreKinds
import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import WireFormats

/// A report, and whose it is.
struct ReceivedReport: Sendable {
  enum Content: Sendable {
    case scheduled(ScheduledReport)
    case status(StatusReport)
  }

  var organization: String
  var content: Content

  /// The release's id; its version will do, too.
  var releaseID: String {
    switch content {
    case .scheduled(let report): report.releaseID
    case .status(let report): report.releaseID
    }
  }
}

extension ReceivedReport {
  fileprivate var isSuccess: Bool {
    if case .status(let report) = content { report.status == .success } else { false }
  }
}

enum ReportOutcome: Sendable, Hashable {
  case applied
  /// It is late or repeated: what is known is newer.
  case ignored
  /// The organization was never offered such a release.
  case noTarget
}

/// Writes what customers report of their deployments, in sets: a report changes its target, and what follows from it.
struct ReportLedger: Sendable {
  let database: any Database
  let events: FleetEvents
  let escalations: EscalationLedger
  let mails: InternalMails
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  /// What a set of reports leads to.
  private struct Changes {
    var targets: [String: TargetRows.Row] = [:]
    var history: [VersionHistory.Entry] = []
    var versions: [(organization: String, version: String, deployedAt: Timestamp)] = []
    var opened: [EscalationFact] = []
    /// What runs where now.
    var succeeded: [(organization: String, version: String)] = []
    var events: [FleetEvent] = []
  }

  func write(_ reports: [ReceivedReport]) async throws -> [ReportOutcome] {
    let now = now()
    return try await database.transaction(.write) { connection in
      let known = try self.targets(reports, connection)
      try Self.lock(organizations: Set(known.values.map(\.organization)), connection)
      var changes = Changes()
      let outcomes = reports.map { report in self.apply(report, known, &changes, at: now) }
      Self.passOver(known, &changes)
      try self.write(changes, at: now, connection)
      return outcomes
    }
  }

  private struct Key: Hashable {
    var organization: String
    var release: String
  }

  /// Buckets of what is offered, and nobody has begun with.
  private static let unanswered = [TargetBucket.notifying, .consent, .silent, .offline].map { "'\($0.rawValue)'" }
    .joined(separator: ", ")

  /// The targets that the reports are about, and those that a success may overtake, locked; by the release's id and by its version.
  private func targets(
    _ reports: [ReceivedReport], _ connection: any SQLConnection
  ) throws -> [Key: TargetRows.Row] {
    let dialect = connection.dialect
    var rows = RowSet([("organization", .text), ("release", .text), ("succeeds", .integer)])
    let succeeding = Set(reports.filter(\.isSuccess).map(\.organization))
    for key in Set(reports.map { Key(organization: $0.organization, release: $0.releaseID) }) {
      rows.append([
        .text(key.organization), .text(key.release), .integer(succeeding.contains(key.organization) ? 1 : 0),
      ])
    }
    let found = try connection.query(
      """
      SELECT \(TargetRows.columns(dialect)) FROM \(rows.source(dialect)) JOIN gcc_deployment_target AS t
        ON t."organizationName" = r.organization AND (t."releaseId" = r.release OR t."releaseVersion" = r.release
          OR (r.succeeds = 1 AND t.bucket IN (\(Self.unanswered))))
      ORDER BY t.id\(dialect.forUpdate(of: "t"))
      """, [rows.parameter])
    var targets: [Key: TargetRows.Row] = [:]
    for row in found.map(TargetRows.row) {
      targets[Key(organization: row.organization, release: row.version)] = row
      targets[Key(organization: row.organization, release: row.facts.releaseID)] = row
    }
    return targets
  }

  /// After the targets, by name, as all do who change both.
  private static func lock(organizations: Set<String>, _ connection: any SQLConnection) throws {
    guard connection.dialect == .postgresql else { return }
    let rows = RowSet("name", of: organizations)
    _ = try connection.query(
      """
      SELECT o.name FROM organizational_service AS o WHERE o.name IN (SELECT r.name FROM \(rows.source(.postgresql)))
      ORDER BY o.name FOR UPDATE OF o
      """, [rows.parameter])
  }

  private func apply(
    _ report: ReceivedReport, _ known: [Key: TargetRows.Row], _ changes: inout Changes, at now: Timestamp
  ) -> ReportOutcome {
    guard var row = known[Key(organization: report.organization, release: report.releaseID)] else { return .noTarget }
    // What an earlier report of the set changed.
    row = changes.targets[row.id] ?? row
    let decision: ReportDecision
    switch report.content {
    case .scheduled(var scheduled):
      scheduled.releaseID = row.facts.releaseID
      decision = ReportDecision.decide(row.facts, version: row.version, report: scheduled, now: now)
    case .status(var status):
      status.releaseID = row.facts.releaseID
      decision = ReportDecision.decide(row.facts, version: row.version, report: status, now: now)
    }
    guard case .apply(let change) = decision else { return .ignored }
    row.facts = change.target
    changes.targets[row.id] = row
    if let entry = change.history {
      changes.history.append(
        VersionHistory.Entry(
          organization: row.organization, version: entry.version, deployedAt: entry.deployedAt, status: entry.status,
          helmRevision: entry.helmRevision, attemptID: change.target.attemptID, recordedAt: now, target: row.id))
    }
    if let running = change.running {
      changes.versions.append((row.organization, running.version, running.since))
    }
    if let type = change.opens {
      changes.opened.append(
        EscalationFact(
          organization: row.organization, type: type, subject: row.version, reason: change.message ?? "",
          metadata: [
            "release": .string(row.version), "reason": .string(row.facts.reason ?? ""),
            "errorMessage": .string(row.facts.errorMessage ?? ""),
          ]))
    }
    if row.facts.phase == .success { changes.succeeded.append((row.organization, row.version)) }
    changes.events.append(
      FleetEvent(
        names: DeploymentTargetKind.names,
        name: DeploymentTargetKind.name(organization: row.organization, release: row.version),
        level: change.opens == nil ? .normal : .warning, reason: row.facts.phase.rawValue,
        message: change.message ?? "The customer reported \(row.facts.phase.rawValue)."))
    return .applied
  }

  /// An older release that is still offered is taken back by a newer one that runs: nobody wants the customer to go back to it.
  private static func passOver(_ known: [Key: TargetRows.Row], _ changes: inout Changes) {
    for (organization, version) in changes.succeeded {
      for row in known.values where row.organization == organization && changes.targets[row.id] == nil {
        guard OfferDecision.isOvertaken(row.facts, version: row.version, by: version) else { continue }
        var row = row
        row.facts = row.facts.blocked(for: .newerVersion)
        changes.targets[row.id] = row
      }
    }
  }

  private func write(_ changes: Changes, at now: Timestamp, _ connection: any SQLConnection) throws {
    guard !changes.targets.isEmpty else { return }
    try writeVersions(changes, at: now, connection)
    try VersionHistory.insert(changes.history, makeID: makeID, connection)
    try TargetRows.write(Array(changes.targets.values), at: now, connection)
    // In a set a failure may stand before or after the success that ends it: the target says how it ended.
    let last = Dictionary(
      changes.targets.values.map { ("\($0.organization)/\($0.version)", $0.facts.phase) }, uniquingKeysWith: { $1 })
    try escalations.resolveFailures(before: changes.succeeded, at: now, in: connection)
    let opened = try escalations.open(
      changes.opened.filter { last["\($0.organization)/\($0.subject)"] != .success }, at: now, in: connection)
    try mails.record(
      opened.map {
        .init(
          subject: $0.type == .forced24hExceeded ? .pastDeadline : .failed, about: $0.organization, text: $0.reason)
      }, in: connection)
    try events.record(changes.events.filter { $0.level == .warning }, in: connection)
  }

  /// What runs where, unless something newer is known already: by the times of the customer that says both.
  private func writeVersions(_ changes: Changes, at now: Timestamp, _ connection: any SQLConnection) throws {
    guard !changes.versions.isEmpty else { return }
    let dialect = connection.dialect
    var latest: [String: (version: String, deployedAt: Timestamp)] = [:]
    for change in changes.versions where latest[change.organization].map({ $0.deployedAt <= change.deployedAt }) ?? true
    {
      latest[change.organization] = (change.version, change.deployedAt)
    }
    var rows = RowSet([("name", .text), ("version", .text), ("deployed_at", .text)])
    for (name, change) in latest.sorted(by: { $0.key < $1.key }) {
      rows.append([.text(name), .text(change.version), change.deployedAt.column])
    }
    try connection.execute(
      """
      UPDATE organizational_service SET "currentVersion" = r.version, app_version = r.version,
        "versionSince" = \(dialect.time("$2")), resource_version = 0
      FROM \(rows.source(dialect))
      WHERE organizational_service.name = r.name AND "currentVersion" IS DISTINCT FROM r.version AND NOT EXISTS
        (SELECT 1 FROM gcc_version_history AS h
          WHERE h."organizationName" = r.name AND h."deployedAt" > \(dialect.time("r.deployed_at")))
      """, [rows.parameter, now.column])
  }
}
