import CoreKinds
import Database
import FleetKinds
import Outbox
import WireFormats

/// A customer has a webhook.
struct WebhookAcknowledgement: Sendable, Hashable {
  var target: String
  var organization: String
  var retries: Int
}

/// Writes what became of webhooks, in sets.
struct WebhookLedger: Sendable {
  let database: any Database
  let events: FleetEvents
  let mails: InternalMails
  let heartbeats: HeartbeatLedger
  let now: @Sendable () -> Timestamp

  /// An acknowledged webhook also shows that the customer is there (spec §11.1).
  func acknowledge(_ acknowledgements: [WebhookAcknowledgement]) async throws {
    var rows = RowSet([("id", .text), ("organization", .text), ("retries", .integer)])
    for one in acknowledgements.sorted(by: { $0.target < $1.target }) {
      rows.append([.text(one.target), .text(one.organization), .integer(Int64(one.retries))])
    }
    let (set, moment) = (rows, now())
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      // In the order of all who change both: targets by their ids, then organizations by their names.
      for (table, column, key) in [
        ("gcc_deployment_target", "id", "id"), ("organizational_service", "name", "organization"),
      ] {
        _ = try connection.query(
          """
          SELECT t.\(column) FROM \(table) AS t WHERE t.\(column) IN (SELECT r.\(key) FROM \(set.source(dialect)))
          ORDER BY t.\(column)
          """ + dialect.forUpdate(of: "t"), [set.parameter])
      }
      try connection.execute(
        """
        UPDATE organizational_service SET "lastWebhookAck" = \(dialect.time("$2")), "lastSeen" = \(dialect.time("$2"))
        FROM \(set.source(dialect)) WHERE organizational_service.name = r.organization
        """, [set.parameter, moment.column])
      try heartbeats.markSeen(acknowledgements.map(\.organization), at: moment, connection)
      // The phase alone of what is still being offered: a report may have come before the acknowledgement was written.
      try connection.execute(
        """
        UPDATE gcc_deployment_target SET "webhookAcked" = \(dialect.boolean(true)), "webhookRetries" = r.retries,
          "webhookError" = NULL, "updatedAt" = \(dialect.time("$2")), resource_version = 0,
          status = CASE status WHEN 'pending' THEN \(dialect.word("'notified'", "DeploymentStatus")) ELSE status END
        FROM \(set.source(dialect)) WHERE gcc_deployment_target.id = r.id
        """, [set.parameter, moment.column])
    }
  }

  /// What the outbox gives up: the poll takes over. That the customer does not know the signature is for people to look into.
  func giveUp(_ dead: [DeadMessage], in connection: any SQLConnection) throws {
    var rows = RowSet([("id", .text), ("retries", .integer), ("error", .text)])
    var unauthorized: [WebhookMessage] = []
    for message in dead {
      guard let webhook = WebhookMessage(message.message) else { continue }
      rows.append([.text(webhook.target), .integer(Int64(max(message.attempts - 1, 0))), .text(message.reason)])
      if message.reason.contains(WebhookAnswer.unauthorized) { unauthorized.append(webhook) }
    }
    guard rows.count > 0 else { return }
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE gcc_deployment_target SET "webhookRetries" = r.retries, "webhookError" = r.error,
        "updatedAt" = \(dialect.time("$2")), resource_version = 0,
        status = CASE status WHEN 'pending' THEN \(dialect.word("'webhookFailed'", "DeploymentStatus")) ELSE status END
      FROM \(rows.source(dialect)) WHERE gcc_deployment_target.id = r.id AND NOT "webhookAcked"
      """, [rows.parameter, now().column])
    try events.record(
      unauthorized.map {
        FleetEvent(
          names: OrganizationKind.names, name: $0.organization, level: .warning, reason: "WebhookUnauthorized",
          message:
            "The customer answered 401 to the webhook of \($0.version): compare the webhook's secret on both sides.")
      }, in: connection)
    try mails.record(
      unauthorized.map {
        .init(
          subject: .unauthorized, about: $0.organization,
          text: "Auth issue with customer \($0.organization): it answered 401 to the webhook of \($0.version).")
      }, in: connection)
  }
}
