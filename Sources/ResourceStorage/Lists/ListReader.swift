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

  let table: any ObjectTable
  let query: ListQuery
  let token: ContinueToken?
  let limit: Int

  /// About how many bytes of objects are read at once, and how many a page holds; at least one object is.
  static let pageBytes = 1 << 20
  /// About how many bytes of objects one transaction reads while a selector is searched for.
  static let transactionBytes = 4 << 20

  /// Where a search stands that did not fill its page within one transaction.
  struct Progress: Sendable {
    /// What the list shows; nil before anything was read.
    fileprivate var revision: Int64?
    /// The last object that was looked at.
    fileprivate var last: ObjectKey?
    fileprivate var items: [StoredObject] = []
    fileprivate var bytes = 0
  }

  enum Outcome: Sendable {
    case page(ListPage)
    /// Another transaction goes on from here.
    case unfinished(Progress)
  }

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

  var start: Progress { Progress(revision: token?.revision, last: token?.last) }

  /// - Throws: `CancellationError` where the task is cancelled: who asked may be gone before the search ends.
  func run(_ connection: any SQLConnection, from progress: Progress) throws -> Outcome {
    let state = try LogState(connection, kind: table.kind)
    let revision = progress.revision ?? state.revision
    guard try progress.revision == nil || state.reaches(revision, connection) else { throw tooOld }
    let complete = SelectorMatcher(query.selector)
    let withoutLabels = SelectorMatcher(ObjectSelector(fields: query.selector.fields))
    var (items, bytes, last) = (progress.items, progress.bytes, progress.last)
    var bytesRead = 0
    // One more than the page holds tells whether there is another page.
    search: while true {
      try Task.checkCancellation()
      let size = query.selector.isEverything ? limit + 1 - items.count : max(limit + 1, Self.scanSize)
      let (candidates, isLast) = try candidates(
        connection, at: revision, newest: state.revision, after: last, size: size)
      for candidate in candidates {
        let object = candidate.object
        last = object.key
        bytesRead += object.text.count
        let matcher = candidate.isEarlierState ? complete : withoutLabels
        guard matcher.matches(object.key, { object.valueOrMetadata }) else { continue }
        items.append(object)
        bytes += object.text.count
        if items.count > limit || bytes > Self.pageBytes && items.count > 1 { break search }
      }
      if isLast { return .page(ListPage(revision: revision, items: items)) }
      if bytesRead >= Self.transactionBytes {
        return .unfinished(Progress(revision: revision, last: last, items: items, bytes: bytes))
      }
    }
    items.removeLast()
    let remaining = try remaining(connection, shown: items.count)
    let next = ContinueToken(
      kind: table.kind, namespace: query.namespace, revision: revision, last: items[items.count - 1].key,
      remaining: remaining)
    return .page(
      ListPage(revision: revision, items: items, continueToken: next.text, remainingItemCount: remaining))
  }

  private var tooOld: StatusError {
    if token == nil {
      return .expired("The list took so long that the state it shows is no longer kept. You can start a new list.")
    }
    return .expired(
      """
      The provided continue parameter is too old to display a consistent list result. You can start a new list without \
      the continue parameter.
      """)
  }

  /// How many objects follow the page. Counted once a list: the token carries it on.
  private func remaining(_ connection: any SQLConnection, shown: Int) throws -> Int? {
    guard query.selector.isEverything else { return nil }
    if let token { return token.remaining.map { max(0, $0 - shown) } }
    var conditions = SQLConditions(connection.dialect)
    let relation = table.relation
    conditions.addRange(namespace: query.namespace, after: nil, hasNamespaces: relation.hasNamespaces)
    let rows = try connection.query(
      "SELECT count(*) FROM \(relation.source) \(conditions.clause)", conditions.parameters)
    return rows.first?[0].integer.map { max(0, Int($0) - shown) }
  }

  /// At most `size` objects after a key, in order.
  private func candidates(
    _ connection: any SQLConnection, at revision: Int64, newest: Int64, after last: ObjectKey?, size: Int
  ) throws -> (candidates: [Candidate], isLast: Bool) {
    let relation = table.relation
    var conditions = SQLConditions(connection.dialect)
    conditions.addRange(namespace: query.namespace, after: last, hasNamespaces: relation.hasNamespaces)
    conditions.addSelector(query.selector, of: table)
    if newest > revision {
      let (kind, since) = (conditions.parameter(.text(table.kind)), conditions.parameter(.integer(revision)))
      conditions.add(
        """
        (namespace, name) NOT IN (
          SELECT namespace, name FROM resource_change WHERE kind = \(kind) AND revision > \(since))
        """)
    }
    let unchanged = try stretch(connection, relation, "resource_version", conditions, size)
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
    let (kind, since) = (conditions.parameter(.text(table.kind)), conditions.parameter(.integer(revision)))
    // Of each object the first change after the revision says what it was at it.
    conditions.add("kind = \(kind) AND revision > \(since)")
    conditions.addRange(namespace: query.namespace, after: last)
    let first = "SELECT min(revision) FROM resource_change \(conditions.clause) GROUP BY namespace, name"
    conditions.add("revision IN (\(first)) AND previous IS NOT NULL")
    return try stretch(connection, Self.journal, "previous_revision", conditions, size)
  }

  /// What the journal holds of objects as they were.
  private static let journal = ObjectRelation(
    source: "resource_change AS c", size: "size", content: "previous", offset: "previous_version_offset")

  /// As many rows as fit, at most `count`: first how large they are, then what is in them.
  private func stretch(
    _ connection: any SQLConnection, _ relation: ObjectRelation, _ revision: String, _ conditions: SQLConditions,
    _ count: Int
  ) throws -> Stretch {
    var conditions = conditions
    let limit = conditions.parameter(.integer(Int64(count)))
    func statement(_ columns: String, _ conditions: SQLConditions) -> String {
      """
      SELECT namespace, name, \(columns) FROM \(relation.source) \(conditions.clause)
      ORDER BY \(relation.order) LIMIT \(limit)
      """
    }
    let sizes = try connection.query(statement(relation.size, conditions), conditions.parameters)
    let fitting = sizes.prefix(fitting: Self.pageBytes) { Int($0[2].integer ?? 0) }
    guard let end = fitting.last.map({ ObjectKey($0) }) else { return Stretch(objects: []) }
    conditions.addEnd(end, hasNamespaces: relation.hasNamespaces)
    let objects = try connection.query(
      statement("uid, \(revision), \(relation.content), \(relation.offset)", conditions), conditions.parameters
    ).map(table.object)
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
