import Database
import ResourceModel
import WireFormats

/// Fills the defaults of this program's schema in where a stored object does not have them yet, once after the schema
/// has changed. Whoever reads, lists or watches is thus shown what the object means, and no read pays for it.
///
/// It is no change of what a client asked for: `generation` stays. A process of an earlier version that serves the same
/// database at the same time may go on storing objects without the defaults; each later write of them fills them in.
struct StoredDefaults: Sendable {
  /// How many objects are looked at in one transaction.
  static let chunk = 200

  let definition: ResourceDefinition
  let table: any ObjectTable
  let database: any Database
  let queue: WriteQueue

  /// - Returns: how many objects were completed.
  func fillIn() async throws -> Int {
    guard definition.schema.hasDefaults else { return 0 }
    let schema = definition.schema.openAPI.text
    let last = try await database.transaction(.read) { connection in
      try connection.query("SELECT schema FROM resource_schema WHERE kind = $1", [.text(table.kind)]).first?[0].text
    }
    guard last != schema else { return 0 }
    var (completed, position) = (0, ObjectKey(namespace: "", name: "") as ObjectKey?)
    while let after = position {
      let rows = try await rows(after: after)
      for row in rows where try await complete(row) { completed += 1 }
      position = rows.count < Self.chunk ? nil : rows.last?.key
    }
    // Last: whoever is ended before looks at all of them again.
    try await database.transaction(.write) { connection in
      _ = try connection.execute(
        """
        INSERT INTO resource_schema (kind, schema) VALUES ($1, $2)
        ON CONFLICT (kind) DO UPDATE SET schema = excluded.schema
        """, [.text(table.kind), .text(schema)])
    }
    return completed
  }

  private func rows(after last: ObjectKey) async throws -> [StoredObject] {
    try await database.transaction(.read) { [table] connection in
      let relation = table.relation
      var conditions = SQLConditions(connection.dialect)
      conditions.addRange(namespace: nil, after: last, hasNamespaces: relation.hasNamespaces)
      let limit = conditions.parameter(.integer(Int64(Self.chunk)))
      return try connection.query(
        """
        SELECT \(relation.columns) FROM \(relation.source) \(conditions.clause)
        ORDER BY \(relation.order) LIMIT \(limit)
        """, conditions.parameters
      ).map(table.object)
    }
  }

  /// - Returns: whether the object lacked something. One that somebody writes meanwhile gets its defaults by that, and one
  ///   that would become larger than objects may be stays as it is.
  private func complete(_ object: StoredObject) async throws -> Bool {
    // One that cannot be read, or only in part (an earlier version took what is nested too deeply), stays as it is.
    guard let stored = try? JSONValue(parsing: object.json) else { return false }
    let whole = definition.applyDefaults(to: stored)
    guard whole != stored else { return false }
    do {
      _ = try await queue.submit(
        try RequestedWrite(table: table, write: .update(object: whole, expected: object.revision)))
      return true
    } catch let error as StatusError
      where [.conflict, .notFound, .requestEntityTooLarge, .invalid].contains(error.reason)
    {
      return false
    }
  }
}
