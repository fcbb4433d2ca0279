import Database
import ResourceModel

/// Reads and prunes the table `resource_change`.
struct ChangeLog: Sendable {
  let database: any Database

  /// How many changes are read at once.
  static let pageSize = 500

  func state() async throws -> LogState { try await database.transaction(.read) { try LogState($0) } }

  /// The changes of every kind after `revision`, the oldest first.
  /// - Returns: nil where changes after `revision` are no longer kept.
  func batch(after revision: Int64) async throws -> (batch: ChangeBatch, isLast: Bool)? {
    try await read(after: revision, "", [])
  }

  /// The changes in one scope after `revision`, the oldest first.
  /// - Returns: nil where changes after `revision` are no longer kept.
  func batch(in scope: WatchScope, after revision: Int64) async throws -> (batch: ChangeBatch, isLast: Bool)? {
    guard let namespace = scope.namespace else {
      return try await read(after: revision, "AND kind = $3", [.text(scope.kind)])
    }
    return try await read(
      after: revision, "AND kind = $3 AND namespace = $4", [.text(scope.kind), .text(namespace)])
  }

  private func read(
    after revision: Int64, _ conditions: String, _ parameters: [SQLValue]
  ) async throws -> (batch: ChangeBatch, isLast: Bool)? {
    try await database.transaction(.read) { connection in
      let state = try LogState(connection)
      guard revision >= state.compacted else { return nil }
      let rows = try connection.query(
        """
        SELECT \(ChangeRecord.columns) FROM resource_change WHERE revision > $1 \(conditions) ORDER BY revision LIMIT $2
        """, [.integer(revision), .integer(Int64(Self.pageSize))] + parameters)
      let records = rows.map(ChangeRecord.init)
      let isLast = records.count < Self.pageSize
      let end = isLast ? max(state.revision, revision) : records[records.count - 1].revision
      return (ChangeBatch(records, end: end), isLast)
    }
  }

  /// Forgets changes that are older than `age` allows or more than `count`.
  /// - Parameter oldest: microseconds since 1970; what was written before is forgotten.
  func prune(keeping count: Int64, notBefore oldest: Int64) async throws {
    try await database.transaction(.write) { connection in
      let state = try LogState(connection)
      let aged = try connection.query(
        "SELECT max(revision) FROM resource_change WHERE written_at < $1", [.integer(oldest)])
      let revision = max(state.revision - count, aged.first?[0].integer ?? 0)
      guard revision > state.compacted else { return }
      try connection.execute(
        "UPDATE resource_compaction SET revision = $1 WHERE id = 1 AND revision < $1", [.integer(revision)])
      try connection.execute("DELETE FROM resource_change WHERE revision <= $1", [.integer(revision)])
    }
  }
}
