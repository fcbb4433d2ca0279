import Access
import Audit
import Cryptography
import Database
import ResourceModel
import WireFormats

/// An API key of a customer's, as it is kept: never the key itself.
struct OrganizationKey: Sendable, Hashable {
  var id: String
  var organization: String
  var createdAt: Timestamp
  var lastUsedAt: Timestamp?
}

/// The table `gcc_organization_key`: two keys an organization at most, so that one can be replaced without a gap.
struct OrganizationKeys: Sendable {
  static let maximumPerOrganization = 2
  /// Notified with the organization's name when its keys change.
  static let channel = "gcc_organization_key"

  let database: any Database
  let makeID: @Sendable () -> String
  let now: @Sendable () -> Timestamp

  /// - Returns: the new key, which is shown this once, and its record.
  /// - Throws: `notFound` without such an organization; `conflict` where it has two keys.
  /// - Parameter note: for the audit.
  func create(
    for organization: String, note: AuditNote? = nil
  ) async throws -> (key: String, record: OrganizationKey) {
    let key = TokenFormat.make()
    let record = OrganizationKey(id: makeID(), organization: organization, createdAt: now(), lastUsedAt: nil)
    let digest = Hexadecimal.encode(SHA256.digest(of: key).bytes)
    try await database.transaction(.write) { connection in
      try note?.prepare(in: connection)
      // The row's lock makes two that come at once count each other.
      let found = try connection.query(
        "SELECT 1 FROM organizational_service WHERE name = $1"
          + connection.dialect.forUpdate(of: "organizational_service"), [.text(organization)])
      if found.isEmpty { throw StatusError.noOrganization(organization) }
      let count =
        try connection.query(
          "SELECT count(*) FROM gcc_organization_key WHERE \"organizationName\" = $1", [.text(organization)]
        ).first?[0].integer ?? 0
      guard count < Self.maximumPerOrganization else {
        throw StatusError(
          .conflict,
          "the organization \"\(organization)\" has \(count) keys already: revoke the one that is not used any more first"
        )
      }
      try connection.execute(
        """
        INSERT INTO gcc_organization_key (id, "organizationName", digest, "createdAt")
        VALUES ($1, $2, $3, \(connection.dialect.time("$4")))
        """, [.text(record.id), .text(organization), .text(digest), record.createdAt.column])
      try note?.record(in: connection)
      try connection.notify(channel: Self.channel, payload: organization)
    }
    return (key, record)
  }

  func list(_ organization: String) async throws -> [OrganizationKey] {
    try await database.transaction(.read) { connection in
      let dialect = connection.dialect
      return try connection.query(
        """
        SELECT id, \(dialect.text(ofTime: "\"createdAt\"")), \(dialect.text(ofTime: "\"lastUsedAt\""))
        FROM gcc_organization_key WHERE "organizationName" = $1 ORDER BY "createdAt", id
        """, [.text(organization)]
      ).map { row in
        OrganizationKey(
          id: row[0].text ?? "", organization: organization, createdAt: row[1].time ?? Timestamp(seconds: 0),
          lastUsedAt: row[2].time)
      }
    }
  }

  /// - Throws: `notFound` where the organization has no such key.
  func revoke(_ id: String, of organization: String, note: AuditNote? = nil) async throws {
    try await database.transaction(.write) { connection in
      try note?.prepare(in: connection)
      let removed = try connection.execute(
        "DELETE FROM gcc_organization_key WHERE id = $1 AND \"organizationName\" = $2",
        [.text(id), .text(organization)])
      guard removed > 0 else {
        throw StatusError(.notFound, "the organization \"\(organization)\" has no key \"\(id)\"")
      }
      try note?.record(in: connection)
      try connection.notify(channel: Self.channel, payload: organization)
    }
  }
}

extension StatusError {
  static func noOrganization(_ name: String) -> StatusError {
    StatusError(.notFound, "there is no organization \"\(name)\"")
  }
}
