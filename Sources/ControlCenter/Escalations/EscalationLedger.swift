import Database
import FleetKinds
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
  let makeID: @Sendable () -> String

  /// Opens those that are not open already.
  /// - Returns: the facts that are new.
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
    return made.compactMap { byKey["\($0[0].text ?? "")/\($0[1].text ?? "")"] }
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
      UPDATE gcc_escalation SET "resolvedAt" = \(dialect.time("$2")), resolution = $3, resource_version = 0
      WHERE "resolvedAt" IS NULL AND ("organizationName", fact) IN
        (SELECT r.organization, r.fact FROM \(rows.source(dialect)))
      """, [rows.parameter, now.column, .text(resolution)])
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
