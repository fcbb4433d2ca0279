import Database
import ResourceModel
import WireFormats

/// The table `gcc_version_history`: what ran where since when.
struct VersionHistory: Sendable {
  struct Entry: Sendable, Hashable {
    var organization: String
    var version: String
    var deployedAt: Timestamp
    var status: String
    var helmRevision: Int64?
    var attemptID: String?

    var json: JSONValue {
      var json: JSONValue = [
        "version": .string(version), "deployedAt": .string(deployedAt.wholeSeconds.description),
        "status": .string(status),
      ]
      json["helmRevision"] = helmRevision.map { .integer($0) }
      return json
    }
  }

  static let maximumCount = 200

  let database: any Database

  /// Newest first.
  func of(_ organization: String) async throws -> [Entry] {
    try await database.transaction(.read) { connection in
      let time = connection.dialect.text(ofTime: "\"deployedAt\"")
      let isThere = try connection.query(
        "SELECT 1 FROM organizational_service WHERE name = $1", [.text(organization)])
      if isThere.isEmpty { throw StatusError.noOrganization(organization) }
      return try connection.query(
        """
        SELECT "releaseVersion", \(time), status, "helmRevision", "attemptId" FROM gcc_version_history
        WHERE "organizationName" = $1 ORDER BY "deployedAt" DESC LIMIT \(Self.maximumCount)
        """, [.text(organization)]
      ).map { row in
        Entry(
          organization: organization, version: row[0].text ?? "", deployedAt: row[1].time ?? Timestamp(seconds: 0),
          status: row[2].text ?? "", helmRevision: row[3].integer, attemptID: row[4].text)
      }
    }
  }

  static func insert(_ entries: [Entry], makeID: () -> String, _ connection: any SQLConnection) throws {
    guard !entries.isEmpty else { return }
    var rows = RowSet([
      ("id", .text), ("organization", .text), ("version", .text), ("deployed_at", .text), ("status", .text),
      ("revision", .integer), ("attempt", .text),
    ])
    for entry in entries {
      rows.append([
        .text(makeID()), .text(entry.organization), .text(entry.version), entry.deployedAt.column, .text(entry.status),
        SQLValue(entry.helmRevision), SQLValue(entry.attemptID),
      ])
    }
    let dialect = connection.dialect
    try connection.execute(
      """
      INSERT INTO gcc_version_history
        (id, "organizationName", "releaseVersion", "deployedAt", status, "helmRevision", "attemptId")
      SELECT r.id, r.organization, r.version, \(dialect.time("r.deployed_at")), r.status, r.revision, r.attempt
      FROM \(rows.source(dialect))
      """, [rows.parameter])
  }
}
