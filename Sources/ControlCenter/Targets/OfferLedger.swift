import CoreKinds
import Database
import FleetKinds
import FleetPlanning
import Outbox
import WireFormats

/// Offers a release to targets that wait: each by its own decision, a thousand in one transaction, the webhooks with them.
struct OfferLedger: Sendable {
  let escalations: EscalationLedger
  let events: FleetEvents
  let mails: InternalMails
  let makeID: @Sendable () -> String

  /// Which targets.
  enum Scope: Sendable {
    case stage(rollout: String, index: Int, releaseID: String, count: Int)
    case targets([String])
  }

  /// - Returns: how many were looked at.
  @discardableResult
  func offer(
    _ scope: Scope, of release: ReleaseFacts, at now: Timestamp, in connection: any SQLConnection
  ) throws -> Int {
    let rows = try candidates(scope, connection)
    guard !rows.isEmpty else { return 0 }
    var (changed, sent): ([TargetRows.Row], Set<String>) = ([], [])
    var (webhooks, facts, told): ([OutboxMessage], [EscalationFact], [FleetEvent]) = ([], [], [])
    for candidate in rows {
      var target = candidate.target
      switch OfferDecision.decide(release, for: candidate.organization, now: now) {
      case .alreadyThere: target.facts = target.facts.alreadyThere(at: now)
      case .blocked(let block):
        target.facts = target.facts.blocked(for: block.reason)
        target.blockedOn = candidate.decidedOn
        facts += Self.fact(block, target, release)
      case .offer(let channel, let doubt):
        target.facts = target.facts.offered(over: channel, at: now)
        if channel == .webhook {
          sent.insert(target.id)
          webhooks.append(
            WebhookMessage(target: target.id, organization: target.organization, version: target.version)
              .outboxMessage(id: makeID()))
        }
        if let doubt {
          told.append(
            FleetEvent(
              names: DeploymentTargetKind.names,
              name: DeploymentTargetKind.name(organization: target.organization, release: target.version),
              level: .warning, reason: "VersionUnknown", message: doubt))
        }
      }
      changed.append(target)
    }
    try TargetRows.write(changed, sentWebhooks: sent, at: now, connection)
    try escalate(facts, with: told, at: now, connection)
    try Outbox.add(webhooks, to: connection, now: now)
    return rows.count
  }

  private static func fact(
    _ block: OfferDecision.Block, _ target: TargetRows.Row, _ release: ReleaseFacts
  ) -> [EscalationFact] {
    guard let type = block.reason.escalation else { return [] }
    return [
      EscalationFact(
        organization: target.organization, type: type, subject: subject(type, release.version), reason: block.message)
    ]
  }

  /// A licence that has ended is one fact, however many releases pass its customer over.
  private static func subject(_ type: EscalationType, _ version: String) -> String {
    type == .licenseExpired ? "" : version
  }

  private func escalate(
    _ facts: [EscalationFact], with told: [FleetEvent] = [], at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    let opened = try escalations.open(facts, at: now, in: connection)
    try mails.record(
      opened.map { .init(subject: .passedOver, about: $0.organization, text: $0.reason) },
      in: connection)
    try events.record(
      told
        + opened.map {
          FleetEvent(
            names: OrganizationKind.names, name: $0.organization, level: .warning, reason: "OfferBlocked",
            message: $0.reason)
        }, in: connection)
  }

  static let noLongerHolds = "The reason no longer holds."

  /// Lets those wait again that were passed over for a reason which no longer holds; their rollout offers to them under its
  /// limits.
  /// - Returns: the ids of those that wait now.
  func unblock(
    _ ids: [String], of release: ReleaseFacts, at now: Timestamp, in connection: any SQLConnection
  ) throws -> [String] {
    var (changed, passedOver, facts): ([TargetRows.Row], [TargetRows.Row], [EscalationFact]) = ([], [], [])
    var over: [(organization: String, fact: String)] = []
    func isOver(_ type: EscalationType?, of organization: String) {
      guard let type else { return }
      let fact = EscalationFact(
        organization: organization, type: type, subject: Self.subject(type, release.version), reason: "")
      over.append((organization, fact.fact))
    }
    for candidate in try candidates(.targets(ids), connection) {
      guard let before = candidate.target.facts.blocked else { continue }
      var target = candidate.target
      if case .blocked(let block) = OfferDecision.decide(release, for: candidate.organization, now: now) {
        // Perhaps for another reason now.
        target.facts = target.facts.blocked(for: block.reason)
        target.blockedOn = candidate.decidedOn
        passedOver.append(target)
        if block.reason != before {
          facts += Self.fact(block, target, release)
          isOver(before.escalation, of: target.organization)
        }
      } else {
        isOver(before.escalation, of: target.organization)
        target.facts.blocked = nil
        changed.append(target)
      }
    }
    try TargetRows.write(changed + passedOver, at: now, connection)
    try escalations.resolve(over, resolution: Self.noLongerHolds, at: now, in: connection)
    try escalate(facts, at: now, connection)
    return changed.map(\.id)
  }

  /// All of an organization that a decision about an offer is made on, as text; of a row named `o`.
  static func decidedOn(_ dialect: SQLDialect) -> String {
    let license = dialect.text(ofTime: "o.\"licenseExpiresAt\"")
    return """
      CAST(o."deploymentType" AS text) || ' ' || coalesce(\(license), '') || ' ' || coalesce(o."currentVersion", '')
      """
  }

  private struct Candidate {
    var target: TargetRows.Row
    var organization: OrganizationFacts
    var decidedOn: String
  }

  private func candidates(_ scope: Scope, _ connection: any SQLConnection) throws -> [Candidate] {
    let dialect = connection.dialect
    let (condition, limit, parameters): (String, String, [SQLValue])
    switch scope {
    case .stage(let rollout, let index, let releaseID, let count):
      condition = "t.\"rolloutName\" = $1 AND t.\"stageIndex\" = $2 AND t.\"releaseId\" = $3 AND t.bucket = 'waiting'"
      (limit, parameters) = (
        " LIMIT \(max(count, 0))", [.text(rollout), .integer(Int64(index)), .text(releaseID)]
      )
    case .targets(let ids):
      let set = RowSet("id", of: ids)
      condition = "t.id IN (SELECT r.id FROM \(set.source(dialect))) AND t.bucket IN ('waiting', 'blocked')"
      (limit, parameters) = ("", [set.parameter])
    }
    return try connection.query(
      """
      SELECT \(TargetRows.columns(dialect)),
        coalesce(o."webhookEndpoint", '') <> '' AND coalesce(o."webhookSecret", '') <> '', o."currentVersion",
        \(dialect.text(ofTime: "o.\"licenseExpiresAt\"")), CAST(o."deploymentType" AS text), \(Self.decidedOn(dialect))
      FROM gcc_deployment_target AS t JOIN organizational_service AS o ON o.name = t."organizationName"
      WHERE \(condition)\(limit)\(dialect.forUpdate(of: "t", skipsLocked: true))
      """, parameters
    ).map { row in
      let target = TargetRows.row(row)
      let first = TargetRows.columnCount
      return Candidate(
        target: target,
        organization: OrganizationFacts(
          name: target.organization,
          deploymentType: row[first + 3].text.flatMap { DeploymentType(columnWord: $0) } ?? .kubernetes,
          currentVersion: row[first + 1].text, licenseExpiresAt: row[first + 2].time,
          // What nobody could sign is left to the poll.
          hasWebhookEndpoint: row[first].boolean ?? false),
        decidedOn: row[first + 4].text ?? "")
    }
  }
}
