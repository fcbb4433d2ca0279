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
    /// By this server's clock; nil where another program wrote the entry.
    var recordedAt: Timestamp?
    /// The id of the target that it was reported for.
    var target: String?

    var json: JSONValue {
      var json: JSONValue = [
        "version": .string(version), "deployedAt": .string(deployedAt.wholeSeconds.description),
        "status": .string(status),
      ]
      json["helmRevision"] = helmRevision.map { .integer($0) }
      json["recordedAt"] = recordedAt.map { .string($0.wholeSeconds.description) }
      return json
    }
  }

  static let maximumCount = 200
  /// Entries of one target. What is reported beyond them takes the place of the newest: a customer whose reports come without end
  /// fills no table, and what it reported last is known.
  static let maximumPerTarget = 20

  let database: any Database

  /// Newest first, in the order in which they were reported.
  func of(_ organization: String) async throws -> [Entry] {
    try await database.transaction(.read) { connection in
      let times = ["deployedAt", "recordedAt"].map { connection.dialect.text(ofTime: "\"\($0)\"") }
      let isThere = try connection.query(
        "SELECT 1 FROM organizational_service WHERE name = $1", [.text(organization)])
      if isThere.isEmpty { throw StatusError.noOrganization(organization) }
      return try connection.query(
        """
        SELECT "releaseVersion", \(times[0]), status, "helmRevision", "attemptId", \(times[1]) FROM gcc_version_history
        WHERE "organizationName" = $1 ORDER BY coalesce("recordedAt", "deployedAt") DESC, "deployedAt" DESC, id
        LIMIT \(Self.maximumCount)
        """, [.text(organization)]
      ).map { row in
        Entry(
          organization: organization, version: row[0].text ?? "", deployedAt: row[1].time ?? Timestamp(seconds: 0),
          status: row[2].text ?? "", helmRevision: row[3].integer, attemptID: row[4].text, recordedAt: row[5].time)
      }
    }
  }

  /// In the order in which they were reported. Whoever calls it has locked the targets.
  static func insert(_ entries: [Entry], makeID: () -> String, _ connection: any SQLConnection) throws {
    guard !entries.isEmpty else { return }
    var kept = try ids(of: entries, connection)
    var (added, replacing): ([(String, Entry)], [String: Entry]) = ([], [:])
    for entry in entries {
      let target = entry.target ?? ""
      if kept[target, default: []].count < maximumPerTarget {
        let id = makeID()
        kept[target, default: []].append(id)
        added.append((id, entry))
      } else if let newest = kept[target]?.last {
        replacing[newest] = entry
      }
    }
    added = added.map { id, entry in (id, replacing.removeValue(forKey: id) ?? entry) }
    let dialect = connection.dialect
    if !added.isEmpty {
      let rows = rows(added)
      try connection.execute(
        """
        INSERT INTO gcc_version_history
          (id, "organizationName", "releaseVersion", "deployedAt", status, "helmRevision", "attemptId", "recordedAt",
            "targetId")
        SELECT r.id, r.organization, r.version, \(dialect.time("r.deployed_at")), r.status, r.revision, r.attempt,
          \(dialect.time("r.recorded_at")), r.target FROM \(rows.source(dialect))
        """, [rows.parameter])
    }
    guard !replacing.isEmpty else { return }
    let rows = rows(replacing.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    try connection.execute(
      """
      UPDATE gcc_version_history SET "releaseVersion" = r.version, "deployedAt" = \(dialect.time("r.deployed_at")),
        status = r.status, "helmRevision" = r.revision, "attemptId" = r.attempt,
        "recordedAt" = \(dialect.time("r.recorded_at"))
      FROM \(rows.source(dialect)) WHERE gcc_version_history.id = r.id
      """, [rows.parameter])
  }

  /// What there is of the targets of these entries, by target, newest last.
  private static func ids(of entries: [Entry], _ connection: any SQLConnection) throws -> [String: [String]] {
    var rows = RowSet([("organization", .text), ("target", .text)])
    for key in Set(entries.compactMap { entry in entry.target.map { [entry.organization, $0] } }) {
      rows.append([.text(key[0]), .text(key[1])])
    }
    guard rows.count > 0 else { return [:] }
    let found = try connection.query(
      """
      SELECT h."targetId", h.id FROM \(rows.source(connection.dialect)) JOIN gcc_version_history AS h
        ON h."organizationName" = r.organization AND h."targetId" = r.target
      ORDER BY h."recordedAt", h."deployedAt", h.id
      """, [rows.parameter])
    return Dictionary(grouping: found) { $0[0].text ?? "" }.mapValues { $0.compactMap { $0[1].text } }
  }

  private static func rows(_ entries: [(id: String, entry: Entry)]) -> RowSet {
    var rows = RowSet([
      ("id", .text), ("organization", .text), ("version", .text), ("deployed_at", .text), ("status", .text),
      ("revision", .integer), ("attempt", .text), ("recorded_at", .text), ("target", .text),
    ])
    for (id, entry) in entries {
      rows.append([
        .text(id), .text(entry.organization), .text(entry.version), entry.deployedAt.column, .text(entry.status),
        SQLValue(entry.helmRevision), SQLValue(entry.attemptID), SQLValue(entry.recordedAt?.columnText),
        SQLValue(entry.target),
      ])
    }
    return rows
  }
}
