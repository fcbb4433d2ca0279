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
        facts.append(
          EscalationFact(
            organization: target.organization, type: block.escalation, subject: release.version, reason: block.message))
      case .offer(let channel, let doubt):
        target.facts = target.facts.offered(over: channel, at: now)
        if channel == .webhook {
          sent.insert(target.id)
          webhooks.append(
            WebhookMessage(
              target: target.id, organization: target.organization, version: target.version,
              endpoint: candidate.endpoint, sealedSecret: candidate.sealedSecret
            ).outboxMessage(id: makeID()))
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
    guard !changed.isEmpty else { return rows.count }
    try TargetRows.write(changed, sentWebhooks: sent, at: now, connection)
    let opened = try escalations.open(facts, at: now, in: connection)
    try mails.record(
      opened.map { .init(subject: "Customers that a release passes over", about: $0.organization, text: $0.reason) },
      in: connection)
    try events.record(
      told
        + opened.map {
          FleetEvent(
            names: OrganizationKind.names, name: $0.organization, level: .warning, reason: "OfferBlocked",
            message: $0.reason)
        }, in: connection)
    try Outbox.add(webhooks, to: connection, now: now)
    return rows.count
  }

  /// Lets those wait again that were passed over for a reason which no longer holds; their rollout offers to them under its
  /// limits.
  /// - Returns: the ids of those that wait now.
  func unblock(
    _ ids: [String], of release: ReleaseFacts, at now: Timestamp, in connection: any SQLConnection
  ) throws -> [String] {
    var changed: [TargetRows.Row] = []
    for candidate in try candidates(.targets(ids), connection) where candidate.target.facts.blocked != nil {
      if case .blocked = OfferDecision.decide(release, for: candidate.organization, now: now) { continue }
      var target = candidate.target
      target.facts.blocked = nil
      changed.append(target)
    }
    try TargetRows.write(changed, at: now, connection)
    try escalations.resolve(
      changed.flatMap { target in
        [EscalationType.licenseExpired, .minVersionBlocked].map {
          (
            target.organization,
            EscalationFact(organization: target.organization, type: $0, subject: release.version, reason: "").fact
          )
        }
      }, resolution: "The reason no longer holds.", at: now, in: connection)
    return changed.map(\.id)
  }

  private struct Candidate {
    var target: TargetRows.Row
    var organization: OrganizationFacts
    var endpoint: String
    var sealedSecret: String
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
      SELECT \(TargetRows.columns(dialect)), o."webhookEndpoint", o."webhookSecret", o."currentVersion",
        \(dialect.text(ofTime: "o.\"licenseExpiresAt\""))
      FROM gcc_deployment_target AS t JOIN organizational_service AS o ON o.name = t."organizationName"
      WHERE \(condition)\(limit)\(dialect.forUpdate(of: "t", skipsLocked: true))
      """, parameters
    ).map { row in
      let target = TargetRows.row(row)
      let first = TargetRows.columnCount
      let (endpoint, secret) = (row[first].text ?? "", row[first + 1].text ?? "")
      return Candidate(
        target: target,
        organization: OrganizationFacts(
          name: target.organization, currentVersion: row[first + 2].text, licenseExpiresAt: row[first + 3].time,
          // What nobody could sign is left to the poll.
          hasWebhookEndpoint: !endpoint.isEmpty && !secret.isEmpty),
        endpoint: endpoint, sealedSecret: secret)
    }
  }
}
