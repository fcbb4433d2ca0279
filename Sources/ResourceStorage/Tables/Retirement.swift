import Database
import FoundationEssentials
import ResourceModel
import WireFormats

/// Which objects of a kind are removed, the oldest first.
public struct RetirementRule: Sendable, Hashable {
  /// How long an object is kept after its last write.
  public var age: Duration
  /// How many are kept in one namespace, and in all.
  public var keptPerNamespace: Int
  public var kept: Int

  public init(age: Duration, keptPerNamespace: Int, kept: Int) {
    self.age = age
    self.keptPerNamespace = keptPerNamespace
    self.kept = kept
  }
}

/// Removes old objects in sets: the database moves their text into the change log itself, so that objects of any size,
/// also such as cannot be read any more, cost this process nothing.
struct Retirement: Sendable {
  /// How many objects, and bytes of them, are removed in one transaction; others may write between two.
  static let chunk = 200
  static let chunkBytes = 8 << 20

  let table: any ObjectTable
  let rule: RetirementRule
  let now: Timestamp

  /// - Returns: what was removed, all of which the change log keeps for a while.
  func run(_ database: any Database) async throws -> LoggedChanges {
    var removed = LoggedChanges()
    while true {
      try Task.checkCancellation()
      let chunk = try await database.transaction(.write) { connection in
        for choice in try choices(connection) {
          let chunk = try remove(choice, connection)
          if chunk.changes > 0 { return chunk }
        }
        return LoggedChanges()
      }
      guard chunk.changes > 0 else { return removed }
      removed += chunk
    }
  }

  private struct Choice {
    var conditions: SQLConditions
    var count: Int
  }

  /// What is to go: what is too old, and then the oldest of too many.
  private func choices(_ connection: any SQLConnection) throws -> [Choice] {
    var old = SQLConditions(connection.dialect)
    let oldest = now + .seconds(-1) * Int(rule.age.components.seconds)
    // A row of an earlier version says only when it was made.
    let (writtenAt, createdAt) = (
      old.parameter(.integer(oldest.microseconds)), old.parameter(.text(oldest.wholeSeconds.description))
    )
    old.add("(written_at > 0 AND written_at < \(writtenAt) OR written_at = 0 AND created_at < \(createdAt))")
    var choices = [Choice(conditions: old, count: Self.chunk)]
    let counts = try connection.query(
      "SELECT namespace, count(*) FROM \(table.relation.source) GROUP BY namespace")
    for row in counts {
      let surplus = Int(row[1].integer ?? 0) - rule.keptPerNamespace
      guard surplus > 0 else { continue }
      var conditions = SQLConditions(connection.dialect)
      conditions.add("namespace = \(conditions.parameter(.text(row[0].text ?? "")))")
      choices.append(Choice(conditions: conditions, count: surplus))
    }
    let surplus = counts.reduce(0) { $0 + Int($1[1].integer ?? 0) } - rule.kept
    if surplus > 0 { choices.append(Choice(conditions: SQLConditions(connection.dialect), count: surplus)) }
    return choices
  }

  private func remove(_ choice: Choice, _ connection: any SQLConnection) throws -> LoggedChanges {
    var conditions = choice.conditions
    let limit = conditions.parameter(.integer(Int64(min(choice.count, Self.chunk))))
    let rows = try connection.query(
      """
      SELECT namespace, name, resource_version, \(table.relation.size) FROM \(table.relation.source) \(conditions.clause)
      ORDER BY written_at, created_at LIMIT \(limit)
      """, conditions.parameters)
    let chosen = rows.prefix(fitting: Self.chunkBytes) { Int($0[3].integer ?? 0) }
    let revisions = Dictionary(chosen.map { (ObjectKey($0), $0[2].integer) }) { first, _ in first }
    // What was written since it was chosen is not old any more.
    let locked = try table.lock(Array(revisions.keys), connection).filter { revisions[$0.key] == $0.value.revision }
    guard !locked.isEmpty else { return LoggedChanges() }
    let last = try ChangeJournal.allocate(locked.count, connection)
    let removals = zip(locked.keys.sorted(), 1...).map { key, number in
      TableChange(key: key, revision: last + number)
    }
    try table.remove(removals, at: now.microseconds, connection)
    return LoggedChanges(changes: locked.count, bytes: locked.values.reduce(0) { $0 + $1.size })
  }
}
