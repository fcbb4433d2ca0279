import Database
import WireFormats

/// An attempt that ended, and what becomes of its message.
struct EndedAttempt: Sendable, Hashable {
  enum Outcome: Sendable, Hashable {
    case answered(SendAnswer, DeliveryPolicy.Verdict)
    /// Cut short because the process stops: the message is free for another at once, and nothing is held against it.
    case interrupted
  }

  var delivery: Delivery
  var outcome: Outcome
}

/// Reads and writes the tables of the outbox, always a set at a time, inside a transaction.
///
/// Rows are locked in this order: what the caller of `Outbox.add` changed, messages, destinations by name. Claiming comes
/// last and waits for nobody, since it passes over what is locked.
struct OutboxLedger: Sendable {
  let configuration: OutboxConfiguration

  static let destinationColumns: [(name: String, type: RowSet.ColumnType)] = [("destination", .text)]
  static let sequenceColumns: [(name: String, type: RowSet.ColumnType)] = [("sequence", .integer)]

  static func lock(_ dialect: SQLDialect, of table: String) -> String {
    dialect == .postgresql ? " FOR UPDATE OF \(table)" : ""
  }

  static func set(of names: [String]) -> RowSet {
    var rows = RowSet(destinationColumns)
    for name in names { rows.append([.text(name)]) }
    return rows
  }

  static func set(of sequences: [Int64]) -> RowSet {
    var rows = RowSet(sequenceColumns)
    for sequence in sequences { rows.append([.integer(sequence)]) }
    return rows
  }

  // MARK: Destinations

  /// Adds to the health of destinations, whose rows are locked, what waits for each.
  func queues(
    _ healths: [(destination: String, health: DestinationHealth)], now: Timestamp, _ connection: any SQLConnection
  ) throws -> [DestinationQueue] {
    var rows = RowSet([("position", .integer)] + Self.destinationColumns)
    for (position, entry) in healths.enumerated() {
      rows.append([.integer(Int64(position)), .text(entry.destination)])
    }
    let source = rows.source(connection.dialect)
    let candidates =
      configuration.perDestination == 1
      // The topics one by one, from index entry to index entry: however many messages wait, they are not read.
      ? """
      WITH RECURSIVE topics(position, destination, topic) AS (
        SELECT r.position, r.destination, (SELECT min(m.topic) FROM outbox m WHERE m.destination = r.destination) FROM \(source)
        UNION ALL
        SELECT t.position, t.destination,
          (SELECT min(m.topic) FROM outbox m WHERE m.destination = t.destination AND m.topic > t.topic)
        FROM topics t WHERE t.topic IS NOT NULL)
      SELECT t.position, m.sequence, m.next_at, m.locked_by FROM topics t
      \(Self.first(
        1, where: "h.destination = t.destination AND h.topic = t.topic", order: "h.sequence", connection.dialect))
      """
      : """
      SELECT r.position, m.sequence, m.next_at, m.locked_by FROM \(source)
      \(Self.first(
        // Those that are in flight may be among them, and one more says when the next is due.
        configuration.perDestination * 2 + 1, where: "h.destination = r.destination",
        order: "h.next_at, h.sequence", connection.dialect))
      """
    let found = try connection.query(
      """
      \(candidates)
      UNION
      SELECT r.position, m.sequence, m.next_at, m.locked_by FROM \(source)
      \(Self.first(
        // Claims that ran out are candidates, and must not hide those that did not.
        configuration.perDestination * 2,
        where: "h.destination = r.destination AND h.locked_by IS NOT NULL AND h.next_at > $2",
        order: "h.sequence", connection.dialect))
      """, [rows.parameter, .integer(now.microseconds)])
    var queues = healths.map { DestinationQueue(destination: $0.destination, health: $0.health) }
    for row in found {
      guard let position = row[0].integer else { continue }
      queues[Int(position)].messages.append(
        DestinationQueue.Message(
          sequence: row[1].integer ?? 0, nextAt: Timestamp(microseconds: row[2].integer ?? 0),
          isClaimed: !row[3].isNull))
    }
    return queues
  }

  /// Joins as `m` the first messages of a condition about `h`, read from an index that has their order, whatever the
  /// database believes about the size of a table that is empty at one moment and full at the next.
  static func first(
    _ count: Int, where condition: String, order: String, _ dialect: SQLDialect
  ) -> String {
    switch dialect {
    case .postgresql:
      """
      CROSS JOIN LATERAL (
        SELECT h.sequence, h.next_at, h.locked_by FROM outbox h
        WHERE \(condition) ORDER BY \(order) LIMIT \(count)) AS m
      """
    case .sqlite:
      """
      JOIN outbox m ON m.sequence IN (
        SELECT h.sequence FROM outbox h WHERE \(condition) ORDER BY \(order) LIMIT \(count))
      """
    }
  }

  func plan(_ queues: [DestinationQueue], room: Int, now: Timestamp) -> ClaimPlan {
    ClaimPlan(
      queues, room: room, perDestination: configuration.perDestination, breaker: configuration.breaker, now: now,
      leaseEnd: now + configuration.lease)
  }

  /// Writes the health of destinations and when each is due.
  func settle(
    _ queues: [DestinationQueue], _ plan: ClaimPlan, now: Timestamp, _ connection: any SQLConnection
  ) throws {
    var rows = RowSet(
      Self.destinationColumns + [
        ("due_at", .integer), ("idle_since", .integer), ("failures", .integer), ("held_until", .integer),
      ])
    var idle: [String] = []
    for (queue, dueAt) in zip(queues, plan.dueAt) {
      if dueAt == nil && queue.health.failures == 0 {
        idle.append(queue.destination)
        continue
      }
      rows.append([
        .text(queue.destination), dueAt.map { .integer($0.microseconds) } ?? .null,
        dueAt == nil ? .integer(now.microseconds) : .null, .integer(Int64(queue.health.failures)),
        .integer(queue.health.heldUntil.microseconds),
      ])
    }
    if rows.count > 0 {
      try connection.execute(
        """
        UPDATE outbox_destination SET
          due_at = r.due_at, idle_since = r.idle_since, failures = r.failures, held_until = r.held_until
        FROM \(rows.source(connection.dialect)) WHERE outbox_destination.destination = r.destination
        """, [rows.parameter])
    }
    if !idle.isEmpty {
      let rows = Self.set(of: idle)
      try connection.execute(
        """
        DELETE FROM outbox_destination
        WHERE destination IN (SELECT r.destination FROM \(rows.source(connection.dialect)))
        """, [rows.parameter])
    }
  }

  static func healths(_ rows: [SQLRow]) -> [(destination: String, health: DestinationHealth)] {
    rows.map { row in
      (
        row[0].text ?? "",
        DestinationHealth(
          failures: Int(row[1].integer ?? 0), heldUntil: Timestamp(microseconds: row[2].integer ?? 0))
      )
    }
  }
}
