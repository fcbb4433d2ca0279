import Database
import ResourceModel
import WireFormats

/// Reads one page of a list, as it was at one revision.
///
/// The first page shows the newest revision. The pages after it show the same one, although the table has moved on:
/// objects that changed since are left out of what the table gives, and what the change log kept of them from before is
/// put in their place. Where the log no longer reaches back that far the answer is 410 `Expired`.
struct ListReader: Sendable {
  /// How many rows are read at once while a selector is searched for.
  static let scanSize = 500

  let table: KindTable
  let query: ListQuery
  let token: ContinueToken?
  let limit: Int

  private struct Candidate {
    var object: StoredObject
    /// True where the database has not looked at the object's labels, since the table holds a later state.
    var isEarlierState: Bool
  }

  func run(_ connection: any SQLConnection) throws -> ListPage {
    let state = try LogState(connection)
    let revision = token?.revision ?? state.revision
    guard revision >= state.compacted, revision <= state.revision else {
      throw StatusError.expired(
        """
        The provided continue parameter is too old to display a consistent list result. You can start a new list without \
        the continue parameter.
        """)
    }
    let complete = SelectorMatcher(query.selector)
    let withoutLabels = SelectorMatcher(ObjectSelector(fields: query.selector.fields))
    var items: [StoredObject] = []
    var last = token?.last
    // One more than the page holds tells whether there is another page.
    search: while true {
      let size = query.selector.isEverything ? limit + 1 : max(limit + 1, Self.scanSize)
      let candidates = try candidates(connection, at: revision, newest: state.revision, after: last, size: size)
      for candidate in candidates {
        let object = candidate.object
        last = object.key
        let matcher = candidate.isEarlierState ? complete : withoutLabels
        guard try matcher.matches(object.key, { try object.value() }) else { continue }
        items.append(object)
        if items.count > limit { break search }
      }
      if candidates.count < size { break }
    }
    guard items.count > limit else { return ListPage(revision: revision, items: items) }
    items.removeLast()
    let remaining = try remaining(connection, shown: items.count)
    let next = ContinueToken(revision: revision, last: items[items.count - 1].key, remaining: remaining)
    return ListPage(revision: revision, items: items, continueToken: next.text, remainingItemCount: remaining)
  }

  /// How many objects follow the page. Counted once a list: the token carries it on.
  private func remaining(_ connection: any SQLConnection, shown: Int) throws -> Int? {
    guard query.selector.isEverything else { return nil }
    if let token { return token.remaining.map { max(0, $0 - shown) } }
    var conditions = SQLConditions(connection.dialect)
    conditions.addRange(namespace: query.namespace, after: nil)
    let rows = try connection.query("SELECT count(*) FROM \(table.table) \(conditions.clause)", conditions.parameters)
    return rows.first?[0].integer.map { max(0, Int($0) - shown) }
  }

  /// At most `size` objects after a key, in order; all that follow where they are fewer.
  private func candidates(
    _ connection: any SQLConnection, at revision: Int64, newest: Int64, after last: ObjectKey?, size: Int
  ) throws -> [Candidate] {
    var conditions = SQLConditions(connection.dialect)
    conditions.addRange(namespace: query.namespace, after: last)
    conditions.addSelector(query.selector)
    if newest > revision {
      let (kind, since) = (conditions.parameter(.text(table.kind)), conditions.parameter(.integer(revision)))
      conditions.add(
        """
        NOT EXISTS (SELECT 1 FROM resource_change c WHERE c.kind = \(kind) AND c.namespace = t.namespace
          AND c.name = t.name AND c.revision > \(since))
        """)
    }
    let count = conditions.parameter(.integer(Int64(size)))
    let unchanged = try objects(
      connection,
      """
      SELECT namespace, name, uid, resource_version, object FROM \(table.table) t \(conditions.clause)
      ORDER BY namespace, name LIMIT \(count)
      """, conditions.parameters)
    if newest == revision { return unchanged.map { Candidate(object: $0, isEarlierState: false) } }
    let changed = try earlierStates(connection, at: revision, after: last, size: size)
    // Each holds the first `size` of its own, so the first `size` of both together are complete.
    return Array(Self.merge(unchanged, changed).prefix(size))
  }

  /// What the objects that changed after `revision` were at it.
  private func earlierStates(
    _ connection: any SQLConnection, at revision: Int64, after last: ObjectKey?, size: Int
  ) throws -> [StoredObject] {
    var conditions = SQLConditions(connection.dialect)
    conditions.addRange(namespace: query.namespace, after: last)
    let (kind, since) = (conditions.parameter(.text(table.kind)), conditions.parameter(.integer(revision)))
    conditions.add("kind = \(kind) AND revision > \(since) AND previous IS NOT NULL")
    conditions.add(
      """
      NOT EXISTS (SELECT 1 FROM resource_change e WHERE e.kind = c.kind AND e.namespace = c.namespace
        AND e.name = c.name AND e.revision > \(since) AND e.revision < c.revision)
      """)
    let count = conditions.parameter(.integer(Int64(size)))
    return try objects(
      connection,
      """
      SELECT namespace, name, uid, previous_revision, previous FROM resource_change c \(conditions.clause)
      ORDER BY namespace, name LIMIT \(count)
      """, conditions.parameters)
  }

  private func objects(
    _ connection: any SQLConnection, _ sql: String, _ parameters: [SQLValue]
  ) throws -> [StoredObject] {
    try connection.query(sql, parameters).map { row in
      StoredObject(
        key: ObjectKey(namespace: row[0].text ?? "", name: row[1].text ?? ""), uid: row[2].text ?? "",
        revision: row[3].integer ?? 0, json: Array((row[4].text ?? "").utf8))
    }
  }

  /// Merges two lists that are in order and have no key in common.
  private static func merge(_ unchanged: [StoredObject], _ changed: [StoredObject]) -> [Candidate] {
    var merged: [Candidate] = []
    merged.reserveCapacity(unchanged.count + changed.count)
    var next = changed.startIndex
    for object in unchanged {
      while next < changed.endIndex, changed[next].key < object.key {
        merged.append(Candidate(object: changed[next], isEarlierState: true))
        next += 1
      }
      merged.append(Candidate(object: object, isEarlierState: false))
    }
    return merged + changed[next...].map { Candidate(object: $0, isEarlierState: true) }
  }
}

/// How far the change log reaches, as one snapshot of the database has it.
struct LogState: Sendable, Hashable {
  /// The newest revision.
  var revision: Int64
  /// Changes up to this one are no longer kept.
  var compacted: Int64

  init(_ connection: any SQLConnection) throws {
    let rows = try connection.query(
      "SELECT r.revision, c.revision FROM resource_revision r CROSS JOIN resource_compaction c")
    guard let row = rows.first, let revision = row[0].integer, let compacted = row[1].integer else {
      throw StatusError(.internalError, "the table resource_revision has no row; was the database migrated?")
    }
    self.revision = revision
    self.compacted = compacted
  }
}
