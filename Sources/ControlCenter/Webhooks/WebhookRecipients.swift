import Database
import FleetKinds

/// Where a webhook goes, as it is now.
struct WebhookRecipient: Sendable, Hashable {
  var endpoint: String
  /// As it is in the database.
  var secret: String
  /// The offer stands: a message may have waited while its rollout was halted.
  var isOffered: Bool
}

/// Looks up many recipients by one statement.
struct WebhookRecipients: Sendable {
  let database: any Database

  /// - Parameter targets: their ids.
  /// - Returns: for each its recipient; nil where there is no such target any more.
  func find(_ targets: [String]) async throws -> [WebhookRecipient?] {
    let set = RowSet("id", of: Set(targets))
    let rows = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT t.id, o."webhookEndpoint", o."webhookSecret", t.bucket, t."offeredAt" IS NOT NULL
        FROM gcc_deployment_target AS t JOIN organizational_service AS o ON o.name = t."organizationName"
        WHERE t.id IN (SELECT r.id FROM \(set.source(connection.dialect)))
        """, [set.parameter])
    }
    var found: [String: WebhookRecipient] = [:]
    for row in rows {
      let bucket = row[3].text.flatMap(TargetBucket.init(rawValue:))
      found[row[0].text ?? ""] = WebhookRecipient(
        endpoint: row[1].text ?? "", secret: row[2].text ?? "",
        isOffered: row[4].boolean ?? false && bucket.map(OfferIndex.openBuckets.contains) ?? false)
    }
    return targets.map { found[$0] }
  }
}
