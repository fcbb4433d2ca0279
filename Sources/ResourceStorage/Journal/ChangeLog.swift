import Database
import ResourceModel

/// Reads the table `resource_change`.
struct ChangeLog: Sendable {
  let database: any Database
  /// By kind: they put objects together.
  let tables: [String: any ObjectTable]

  /// How many changes are read at once, at most.
  static let pageSize = 500
  /// About how many bytes of changes are read at once; at least one change is.
  static let pageBytes = 1 << 20

  /// What follows a position.
  enum Page: Sendable {
    /// The changes, the oldest first.
    case changes(ChangeBatch, isLast: Bool)
    /// Changes after the position are no longer kept, or the position is none of this history.
    case expired
    /// The database does not hold what was read from it before.
    case lost
  }

  func state() async throws -> LogState { try await database.transaction(.read) { try LogState($0) } }

  /// The newest change; nil where nothing of the log is kept.
  func newest() async throws -> (state: LogState, mark: ChangeMark?) {
    try await database.transaction(.read) { connection in
      let state = try LogState(connection)
      return (state, try Self.mark(at: state.revision, connection))
    }
  }

  /// The changes of every kind after `revision`, where the database holds what was read from it up to `mark`, and is no older
  /// than `known`. One snapshot answers both: between two, the history may become another one that is as long.
  func page(after revision: Int64, continuing mark: ChangeMark?, known: Int64) async throws -> Page {
    try await database.transaction(.read) { connection in
      guard try Self.continues(from: mark, known: known, connection) else { return .lost }
      return try read(after: revision, nil, withPrevious: true, connection)
    }
  }

  /// The changes in one scope after `revision`.
  /// - Parameter withPrevious: false where nobody asks what an object was before the change.
  func page(in scope: WatchScope, after revision: Int64, withPrevious: Bool) async throws -> Page {
    try await database.transaction(.read) { connection in
      try read(after: revision, scope, withPrevious: withPrevious, connection)
    }
  }

  private static func continues(
    from mark: ChangeMark?, known: Int64, _ connection: any SQLConnection
  ) throws -> Bool {
    let state = try LogState(connection)
    guard state.revision >= known else { return false }
    guard let mark, mark.revision > state.compacted else { return true }
    return try Self.mark(at: mark.revision, connection) == mark
  }

  private static func mark(at revision: Int64, _ connection: any SQLConnection) throws -> ChangeMark? {
    try connection.query("SELECT written_at, uid FROM resource_change WHERE revision = $1", [.integer(revision)]).first
      .map { ChangeMark(revision: revision, writtenAt: $0[0].integer ?? 0, uid: $0[1].text ?? "") }
  }

  private func read(
    after revision: Int64, _ scope: WatchScope?, withPrevious: Bool, _ connection: any SQLConnection
  ) throws -> Page {
    let state = try LogState(connection, kind: scope?.kind)
    guard try state.reaches(revision, connection) else { return .expired }
    var conditions = SQLConditions(connection.dialect)
    conditions.add("revision > \(conditions.parameter(.integer(revision)))")
    if let scope { conditions.add("kind = \(conditions.parameter(.text(scope.kind)))") }
    if let namespace = scope?.namespace { conditions.add("namespace = \(conditions.parameter(.text(namespace)))") }
    // First how large they are, then as many as fit.
    let count = conditions.parameter(.integer(Int64(Self.pageSize)))
    let sizes = try connection.query(
      "SELECT revision, size FROM resource_change \(conditions.clause) ORDER BY revision LIMIT \(count)",
      conditions.parameters)
    let fitting = sizes.prefix(fitting: Self.pageBytes) { Int($0[1].integer ?? 0) }
    let isLast = fitting.count == sizes.count && sizes.count < Self.pageSize
    guard let last = fitting.last?[0].integer else {
      return .changes(ChangeBatch([], end: state.revision), isLast: true)
    }
    conditions.add("revision <= \(conditions.parameter(.integer(last)))")
    let rows = try connection.query(
      """
      SELECT \(ChangeRecord.columns(withPrevious: withPrevious)) FROM resource_change \(conditions.clause)
      ORDER BY revision LIMIT \(count)
      """, conditions.parameters)
    return .changes(
      ChangeBatch(rows.map { ChangeRecord($0, tables) }, end: isLast ? state.revision : last), isLast: isLast)
  }
}

extension Collection {
  /// As many as `budget` allows, but at least the first.
  func prefix(fitting budget: Int, size: (Element) -> Int) -> SubSequence {
    var used = 0
    var end = startIndex
    while end != endIndex {
      used += size(self[end])
      if used > budget, end != startIndex { break }
      formIndex(after: &end)
    }
    return self[..<end]
  }
}
