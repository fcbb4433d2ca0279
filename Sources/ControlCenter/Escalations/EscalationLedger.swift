import Database
import FleetKinds
import FleetPlanning
import WireFormats

/// A fact that a person has to look after.
struct EscalationFact: Sendable, Hashable {
  var organization: String
  var type: EscalationType
  /// What besides the type tells it from other facts of the organization's, such as a version; empty for none.
  var subject: String
  var reason: String
  var metadata: JSONValue?

  var fact: String { subject.isEmpty ? type.rawValue : "\(type.rawValue)/\(subject)" }
}

/// The table `gcc_escalation`: one open escalation for one fact, whoever reports it how often.
struct EscalationLedger: Sendable {
  /// What was resolved by itself and comes back within this time is the same escalation again: one that comes and goes makes no
  /// more of them than one a day.
  private static let reopening: Duration = .seconds(86_400)
  /// How many one statement closes.
  static let setCount = 500
  /// So often it is news that it came back.
  private static let toldReopenings: Int64 = 3

  let makeID: @Sendable () -> String

  /// Opens those that are not open already.
  /// - Returns: the facts that are news for people.
  func open(_ facts: [EscalationFact], at now: Timestamp, in connection: any SQLConnection) throws -> [EscalationFact] {
    guard !facts.isEmpty else { return [] }
    let dialect = connection.dialect
    var byKey: [String: EscalationFact] = [:]
    var rows = RowSet([
      ("id", .text), ("organization", .text), ("type", .text), ("fact", .text), ("reason", .text), ("metadata", .text),
    ])
    for fact in facts where byKey["\(fact.organization)/\(fact.fact)"] == nil {
      byKey["\(fact.organization)/\(fact.fact)"] = fact
      rows.append([
        .text(makeID()), .text(fact.organization), .text(fact.type.rawValue), .text(fact.fact), .text(fact.reason),
        SQLValue(fact.metadata?.text),
      ])
    }
    let reopened = try connection.query(
      """
      UPDATE gcc_escalation SET "resolvedAt" = NULL, resolution = NULL, "isResolvedByItself" = \(dialect.boolean(false)),
        reopened = reopened + 1, reason = r.reason,
        metadata = \(dialect == .postgresql ? "CAST(r.metadata AS jsonb)" : "r.metadata"), resource_version = 0
      FROM \(rows.source(dialect)) WHERE gcc_escalation.id =
        (SELECT e.id FROM gcc_escalation AS e WHERE e."organizationName" = r.organization AND e.fact = r.fact
          ORDER BY e."resolvedAt" IS NULL DESC, e."resolvedAt" DESC, e.id LIMIT 1)
        AND gcc_escalation."isResolvedByItself" AND gcc_escalation."resolvedAt" > \(dialect.time("$2"))
      RETURNING gcc_escalation."organizationName", gcc_escalation.fact, gcc_escalation.reopened
      """, [rows.parameter, (now + (.zero - Self.reopening)).column]
    ).filter { ($0[2].integer ?? 0) <= Self.toldReopenings }
    let made = try connection.query(
      """
      INSERT INTO gcc_escalation (id, "organizationName", type, fact, reason, metadata, "escalatedAt", "objectName")
      SELECT r.id, r.organization, \(dialect.word("r.type", "EscalationType")), r.fact, r.reason,
        \(dialect == .postgresql ? "CAST(r.metadata AS jsonb)" : "r.metadata"), \(dialect.time("$2")),
        r.organization || '.' || substr(r.id, 1, 8)
      FROM \(rows.source(dialect)) JOIN organizational_service AS o ON o.name = r.organization
      WHERE true ORDER BY r.organization, r.fact
      ON CONFLICT ("organizationName", fact) WHERE "resolvedAt" IS NULL DO NOTHING
      RETURNING "organizationName", fact
      """, [rows.parameter, now.column])
    return (made + reopened).compactMap { byKey["\($0[0].text ?? "")/\($0[1].text ?? "")"] }
  }

  /// Closes what is open of these facts.
  /// - Returns: how many were open.
  @discardableResult
  func resolve(
    _ facts: [(organization: String, fact: String)], resolution: String, at now: Timestamp,
    in connection: any SQLConnection
  ) throws -> Int {
    guard !facts.isEmpty else { return 0 }
    let dialect = connection.dialect
    var rows = RowSet([("organization", .text), ("fact", .text)])
    for fact in facts { rows.append([.text(fact.organization), .text(fact.fact)]) }
    return try connection.execute(
      """
      UPDATE gcc_escalation SET "resolvedAt" = \(dialect.time("$2")), resolution = $3,
        "isResolvedByItself" = \(dialect.boolean(true)), resource_version = 0
      WHERE "resolvedAt" IS NULL AND ("organizationName", fact) IN
        (SELECT r.organization, r.fact FROM \(rows.source(dialect)))
      """, [rows.parameter, now.column, .text(resolution)])
  }

  /// Closes what is open of failures of the versions that run now, and of all before them.
  func resolveFailures(
    before succeeded: [(organization: String, version: String)], at now: Timestamp, in connection: any SQLConnection
  ) throws {
    guard !succeeded.isEmpty else { return }
    let rows = RowSet("name", of: Set(succeeded.map(\.organization)).sorted())
    let types: [EscalationType] = [.deploymentFailed, .forced24hExceeded]
    let open = try connection.query(
      """
      SELECT "organizationName", fact FROM gcc_escalation
      WHERE "resolvedAt" IS NULL AND "organizationName" IN (SELECT r.name FROM \(rows.source(connection.dialect)))
        AND CAST(type AS text) IN (\(types.map { "'\($0.rawValue)'" }.joined(separator: ", ")))
      """, [rows.parameter])
    guard !open.isEmpty else { return }
    let versions = Dictionary(grouping: succeeded, by: \.organization).mapValues { $0.map(\.version) }
    try resolve(
      open.compactMap { row in
        guard let organization = row[0].text, let fact = row[1].text,
          let failed = fact.split(separator: "/", maxSplits: 1).last.map(String.init)
        else { return nil }
        let isOver = versions[organization, default: []].contains {
          !SupersededFailures.resolved([failed], by: $0).isEmpty
        }
        return isOver ? (organization, fact) : nil
      }, resolution: "The customer reported success of this version or a newer one.", at: now, in: connection)
  }

  /// Closes what was opened for releases that pass their customer over no more: they are offered to nobody any longer, say, or
  /// their rollout is gone.
  /// - Returns: how many; `setCount` where there may be more.
  func resolvePassedOver(at now: Timestamp, in connection: any SQLConnection) throws -> Int {
    let dialect = connection.dialect
    let reasons = BlockReason.allCases.compactMap { reason in
      reason.escalation.map { (type: $0.rawValue, reason: reason) }
    }
    let types = reasons.map { "'\($0.type)'" }.joined(separator: ", ")
    let cases = reasons.map { "WHEN '\($0.type)' THEN '\($0.reason.columnWord)'" }.joined(separator: " ")
    return try connection.execute(
      """
      UPDATE gcc_escalation SET "resolvedAt" = \(dialect.time("$1")), resolution = $2,
        "isResolvedByItself" = \(dialect.boolean(true)), resource_version = 0
      WHERE id IN (SELECT e.id FROM gcc_escalation AS e WHERE e."resolvedAt" IS NULL
        AND CAST(e.type AS text) IN (\(types))
        AND NOT EXISTS (SELECT 1 FROM gcc_deployment_target AS t JOIN gcc_release AS g ON g.id = t."releaseId"
          WHERE t."organizationName" = e."organizationName" AND t.bucket = 'blocked'
            AND t.blocked = CASE CAST(e.type AS text) \(cases) END
            AND (e.fact = CAST(e.type AS text)
              OR e.fact = CAST(e.type AS text) || '/' || t."releaseVersion")
            AND g.status = 'published' AND g.withdrawn = \(dialect.boolean(false)))
        ORDER BY e.id LIMIT \(Self.setCount))
      """, [now.column, .text(OfferLedger.noLongerHolds)])
  }

  /// Closes those to which a person has written what was done about them.
  @discardableResult
  func closeResolved(at now: Timestamp, in connection: any SQLConnection) throws -> Int {
    try connection.execute(
      """
      UPDATE gcc_escalation SET "resolvedAt" = \(connection.dialect.time("$1")), resource_version = 0
      WHERE "resolvedAt" IS NULL AND resolution IS NOT NULL AND resolution <> ''
      """, [now.column])
  }
}
