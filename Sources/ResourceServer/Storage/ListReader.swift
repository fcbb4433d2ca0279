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

  /// About how many bytes of objects are read at once, and how many a page holds; at least one object is.
  static let pageBytes = 1 << 20

  private struct Candidate {
    var object: StoredObject
    /// True where the database has not looked at the object's labels, since the table holds a later state.
    var isEarlierState: Bool
  }

  /// Objects that follow a key, in order.
  private struct Stretch {
    var objects: [StoredObject]
    /// The last of them where others may follow.
    var end: ObjectKey?
  }

  func run(_ connection: any SQLConnection) throws -> ListPage {
    let state = try LogState(connection, kind: table.kind)
    let revision = token?.revision ?? state.revision
    guard try token == nil || state.reaches(revision, connection) else {
      throw StatusError.expired(
        """
        The provided continue parameter is too old to display a consistent list result. You can start a new list without \
        the continue parameter.
        """)
    }
    let complete = SelectorMatcher(query.selector)
    let withoutLabels = SelectorMatcher(ObjectSelector(fields: query.selector.fields))
    var items: [StoredObject] = []
    var bytes = 0
    var last = token?.last
    // One more than the page holds tells whether there is another page.
    search: while true {
      let size = query.selector.isEverything ? limit + 1 - items.count : max(limit + 1, Self.scanSize)
      let (candidates, isLast) = try candidates(
        connection, at: revision, newest: state.revision, after: last, size: size)
      for candidate in candidates {
        let object = candidate.object
        last = object.key
        let matcher = candidate.isEarlierState ? complete : withoutLabels
        guard matcher.matches(object.key, { object.valueOrMetadata }) else { continue }
        items.append(object)
        bytes += object.json.count
        if items.count > limit || bytes > Self.pageBytes && items.count > 1 { break search }
      }
      if isLast { return ListPage(revision: revision, items: items) }
    }
    items.removeLast()
    let remaining = try remaining(connection, shown: items.count)
    let next = ContinueToken(
      kind: table.kind, namespace: query.namespace ?? "", revision: revision, last: items[items.count - 1].key,
      remaining: remaining)
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

  /// At most `size` objects after a key, in order.
  private func candidates(
    _ connection: any SQLConnection, at revision: Int64, newest: Int64, after last: ObjectKey?, size: Int
  ) throws -> (candidates: [Candidate], isLast: Bool) {
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
    let unchanged = try stretch(
      connection, "\(table.table) t", size: table.size, columns: "resource_version, object", conditions, size)
    if newest == revision {
      return (unchanged.objects.map { Candidate(object: $0, isEarlierState: false) }, unchanged.end == nil)
    }
    let changed = try earlierStates(connection, at: revision, after: last, size: size)
    // Both together are complete up to where the first of them ends.
    let end = [unchanged.end, changed.end].compactMap { $0 }.min()
    let merged = Self.merge(unchanged.objects, changed.objects)
    return (end.map { end in Array(merged.prefix { $0.object.key <= end }) } ?? merged, end == nil)
  }

  /// What the objects that changed after `revision` were at it.
  private func earlierStates(
    _ connection: any SQLConnection, at revision: Int64, after last: ObjectKey?, size: Int
  ) throws -> Stretch {
    var conditions = SQLConditions(connection.dialect)
    conditions.addRange(namespace: query.namespace, after: last)
    let (kind, since) = (conditions.parameter(.text(table.kind)), conditions.parameter(.integer(revision)))
    conditions.add("kind = \(kind) AND revision > \(since) AND previous IS NOT NULL")
    conditions.add(
      """
      NOT EXISTS (SELECT 1 FROM resource_change e WHERE e.kind = c.kind AND e.namespace = c.namespace
        AND e.name = c.name AND e.revision > \(since) AND e.revision < c.revision)
      """)
    return try stretch(
      connection, "resource_change c", size: "size", columns: "previous_revision, previous", conditions, size)
  }

  /// As many rows as fit, at most `count`: first how large they are, then what is in them.
  private func stretch(
    _ connection: any SQLConnection, _ table: String, size: String, columns: String, _ conditions: SQLConditions,
    _ count: Int
  ) throws -> Stretch {
    var conditions = conditions
    let limit = conditions.parameter(.integer(Int64(count)))
    let sizes = try connection.query(
      "SELECT namespace, name, \(size) FROM \(table) \(conditions.clause) ORDER BY namespace, name LIMIT \(limit)",
      conditions.parameters)
    let fitting = sizes.prefix(fitting: Self.pageBytes) { Int($0[2].integer ?? 0) }
    guard let last = fitting.last else { return Stretch(objects: []) }
    let end = ObjectKey(namespace: last[0].text ?? "", name: last[1].text ?? "")
    let (namespace, name) = (conditions.parameter(.text(end.namespace)), conditions.parameter(.text(end.name)))
    conditions.add("(namespace, name) <= (\(namespace), \(name))")
    let objects = try connection.query(
      """
      SELECT namespace, name, uid, \(columns) FROM \(table) \(conditions.clause) ORDER BY namespace, name LIMIT \(limit)
      """, conditions.parameters
    ).map { row in
      StoredObject(
        key: ObjectKey(namespace: row[0].text ?? "", name: row[1].text ?? ""), uid: row[2].text ?? "",
        revision: row[3].integer ?? 0, json: Array((row[4].text ?? "").utf8))
    }
    return Stretch(objects: objects, end: fitting.count < sizes.count || sizes.count >= count ? end : nil)
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
