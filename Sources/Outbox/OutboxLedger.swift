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

  private static let destinationColumns: [(name: String, type: RowSet.ColumnType)] = [("destination", .text)]
  private static let sequenceColumns: [(name: String, type: RowSet.ColumnType)] = [("sequence", .integer)]

  private static func lock(_ dialect: SQLDialect, of table: String) -> String {
    dialect == .postgresql ? " FOR UPDATE OF \(table)" : ""
  }

  private static func set(of names: [String]) -> RowSet {
    var rows = RowSet(destinationColumns)
    for name in names { rows.append([.text(name)]) }
    return rows
  }

  private static func set(of sequences: [Int64]) -> RowSet {
    var rows = RowSet(sequenceColumns)
    for sequence in sequences { rows.append([.integer(sequence)]) }
    return rows
  }

  // MARK: Destinations

  /// Adds to the health of destinations, whose rows are locked, what waits for each.
  private func queues(
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
  private static func first(
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

  private func plan(_ queues: [DestinationQueue], room: Int, now: Timestamp) -> ClaimPlan {
    ClaimPlan(
      queues, room: room, perDestination: configuration.perDestination, breaker: configuration.breaker, now: now,
      leaseEnd: now + configuration.lease)
  }

  /// Writes the health of destinations and when each is due.
  private func settle(_ queues: [DestinationQueue], _ plan: ClaimPlan, _ connection: any SQLConnection) throws {
    var rows = RowSet(
      Self.destinationColumns + [("due_at", .integer), ("failures", .integer), ("held_until", .integer)])
    var idle: [String] = []
    for (queue, dueAt) in zip(queues, plan.dueAt) {
      if dueAt == nil && queue.health.failures == 0 {
        idle.append(queue.destination)
        continue
      }
      rows.append([
        .text(queue.destination), dueAt.map { .integer($0.microseconds) } ?? .null,
        .integer(Int64(queue.health.failures)), .integer(queue.health.heldUntil.microseconds),
      ])
    }
    if rows.count > 0 {
      try connection.execute(
        """
        UPDATE outbox_destination SET due_at = r.due_at, failures = r.failures, held_until = r.held_until
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

  private static func healths(_ rows: [SQLRow]) -> [(destination: String, health: DestinationHealth)] {
    rows.map { row in
      (
        row[0].text ?? "",
        DestinationHealth(
          failures: Int(row[1].integer ?? 0), heldUntil: Timestamp(microseconds: row[2].integer ?? 0))
      )
    }
  }
}

// MARK: Claiming

extension OutboxLedger {
  /// What a claim gave, and when to claim again.
  struct Claimed: Sendable, Hashable {
    var deliveries: [Delivery] = []
    /// How many destinations were looked at; each of them is due later than before.
    var destinations = 0
    /// When a destination is due next whose last message had success, and one whose last message had none.
    var soundDueAt: Timestamp?
    var failingDueAt: Timestamp?
  }

  /// Claims messages that are due.
  /// - Parameters:
  ///   - name: of the claim; no two have the same.
  ///   - room: for how many messages there is a place.
  ///   - probes: how many of these may go to destinations that failed last.
  func claim(
    _ name: String, room: Int, probes: Int, now: Timestamp, _ connection: any SQLConnection
  ) throws -> Claimed {
    var claimed = Claimed()
    for isFailing in [true, false] {
      let places = min(room - claimed.deliveries.count, isFailing ? probes : room)
      guard places > 0 else { continue }
      let due = Self.healths(
        try connection.query(
          """
          SELECT destination, failures, held_until FROM outbox_destination
          WHERE failures \(isFailing ? ">" : "=") 0 AND due_at <= $1 ORDER BY due_at, destination LIMIT $2\
          \(connection.dialect == .postgresql ? " FOR UPDATE SKIP LOCKED" : "")
          """, [.integer(now.microseconds), .integer(Int64(places))]))
      guard !due.isEmpty else { continue }
      claimed.destinations += due.count
      let queues = try queues(due, now: now, connection)
      let plan = plan(queues, room: places, now: now)
      claimed.deliveries += try take(plan.claimed, for: name, isProbe: isFailing, now: now, connection)
      try settle(queues, plan, connection)
    }
    let next = try connection.query(
      """
      SELECT (SELECT min(due_at) FROM outbox_destination WHERE failures = 0),
        (SELECT min(due_at) FROM outbox_destination WHERE failures > 0)
      """
    ).first
    claimed.soundDueAt = next?[0].integer.map { Timestamp(microseconds: $0) }
    claimed.failingDueAt = next?[1].integer.map { Timestamp(microseconds: $0) }
    return claimed
  }

  private func take(
    _ sequences: [Int64], for name: String, isProbe: Bool, now: Timestamp, _ connection: any SQLConnection
  ) throws -> [Delivery] {
    guard !sequences.isEmpty else { return [] }
    let rows = Self.set(of: sequences)
    let isWanted = "m.sequence IN (SELECT r.sequence FROM \(rows.source(connection.dialect))) AND m.next_at <= $4"
    // A claimed message is due again when its claim runs out.
    let taken = try connection.query(
      """
      UPDATE outbox SET attempts = attempts + 1, locked_by = $2, locked_until = $3, next_at = $3 WHERE sequence IN (
        SELECT m.sequence FROM outbox m WHERE \(isWanted)\
      \(connection.dialect == .postgresql ? " FOR UPDATE SKIP LOCKED" : ""))
      RETURNING sequence, id, topic, destination, payload, attempts, created_at
      """,
      [
        rows.parameter, .text(name), .integer((now + configuration.lease).microseconds), .integer(now.microseconds),
      ])
    let deliveries = taken.map { row in
      Delivery(
        message: OutboxMessage(
          id: row[1].text ?? "", topic: row[2].text ?? "", destination: row[3].text ?? "", payload: row[4].text ?? ""),
        attempt: Int(row[5].integer ?? 0), createdAt: Timestamp(microseconds: row[6].integer ?? 0),
        sequence: row[0].integer ?? 0, claim: name, isProbe: isProbe)
    }
    let places = Dictionary(zip(sequences, 0...)) { first, _ in first }
    return deliveries.sorted { (places[$0.sequence] ?? 0) < (places[$1.sequence] ?? 0) }
  }
}

// MARK: Recording

extension OutboxLedger {
  /// Records how attempts ended. What does not belong to its claim any more, because that had run out and another process
  /// has taken the message, is left out.
  /// - Parameter report: is given the messages that are dead by this transaction.
  /// - Returns: the sequences of the messages that were recorded.
  @discardableResult
  func record(
    _ attempts: [EndedAttempt], now: Timestamp, _ connection: any SQLConnection,
    report: ([DeadMessage], any SQLConnection) throws -> Void
  ) throws -> Set<Int64> {
    guard !attempts.isEmpty else { return [] }
    let dialect = connection.dialect
    var claims = RowSet(Self.sequenceColumns + [("claim", .text)])
    for attempt in attempts { claims.append([.integer(attempt.delivery.sequence), .text(attempt.delivery.claim)]) }
    // A message may be here twice: an attempt that outlived its claim, and the one that the same process made after it.
    var claimOf: [Int64: String] = [:]
    for row in try connection.query(
      """
      SELECT m.sequence, r.claim FROM \(claims.source(dialect)) JOIN outbox m ON m.sequence = r.sequence
      WHERE m.locked_by = r.claim ORDER BY m.sequence\(Self.lock(dialect, of: "m"))
      """, [claims.parameter])
    {
      if let sequence = row[0].integer { claimOf[sequence] = row[1].text }
    }
    let owned = Set(claimOf.keys)
    let attempts = attempts.filter { claimOf[$0.delivery.sequence] == $0.delivery.claim }
    guard !attempts.isEmpty else { return owned }

    var removed: [Int64] = []
    var dead: [DeadMessage] = []
    var buried = RowSet(Self.sequenceColumns + [("cause", .text), ("reason", .text)])
    var kept = RowSet(
      Self.sequenceColumns + [("next_at", .integer), ("attempts", .integer), ("last_error", .text)])
    for attempt in attempts {
      let delivery = attempt.delivery
      switch attempt.outcome {
      case .interrupted:
        kept.append([
          .integer(delivery.sequence), .integer(now.microseconds), .integer(Int64(delivery.attempt - 1)), .null,
        ])
      case .answered(_, .keep(let until, let reason)):
        kept.append([
          .integer(delivery.sequence), .integer(until.microseconds), .integer(Int64(delivery.attempt)), .text(reason),
        ])
      case .answered(_, .remove): removed.append(delivery.sequence)
      case .answered(_, .bury(let cause, let reason)):
        removed.append(delivery.sequence)
        buried.append([.integer(delivery.sequence), .text(cause.rawValue), .text(reason)])
        dead.append(
          DeadMessage(
            message: delivery.message, attempts: delivery.attempt, createdAt: delivery.createdAt, cause: cause,
            reason: reason))
      }
    }
    if buried.count > 0 {
      try connection.execute(
        """
        INSERT INTO outbox_dead
          (sequence, id, topic, destination, payload, attempts, created_at, died_at, cause, reason)
        SELECT m.sequence, m.id, m.topic, m.destination, m.payload, m.attempts, m.created_at, $2, r.cause, r.reason
        FROM \(buried.source(dialect)) JOIN outbox m ON m.sequence = r.sequence
        """, [buried.parameter, .integer(now.microseconds)])
    }
    if !removed.isEmpty {
      let rows = Self.set(of: removed)
      try connection.execute(
        "DELETE FROM outbox WHERE sequence IN (SELECT r.sequence FROM \(rows.source(dialect)))", [rows.parameter])
    }
    if kept.count > 0 {
      try connection.execute(
        """
        UPDATE outbox SET next_at = r.next_at, attempts = r.attempts, last_error = COALESCE(r.last_error, outbox.last_error),
          locked_until = NULL, locked_by = NULL
        FROM \(kept.source(dialect)) WHERE outbox.sequence = r.sequence
        """, [kept.parameter])
    }
    if !dead.isEmpty { try report(dead, connection) }
    try settle(after: attempts, now: now, connection)
    return owned
  }

  /// Brings what is known of the destinations up to date.
  private func settle(after attempts: [EndedAttempt], now: Timestamp, _ connection: any SQLConnection) throws {
    // By bytes, as the database compares: texts that are equal to Swift may be two destinations.
    let byDestination = Dictionary(grouping: attempts) { Array($0.delivery.message.destination.utf8) }
    let rows = Self.set(of: byDestination.keys.map { String(decoding: $0, as: UTF8.self) })
    var healths = Self.healths(
      try connection.query(
        """
        SELECT destination, failures, held_until FROM outbox_destination
        WHERE destination IN (SELECT r.destination FROM \(rows.source(connection.dialect)))
        ORDER BY destination\(Self.lock(connection.dialect, of: "outbox_destination"))
        """, [rows.parameter]))
    for index in healths.indices {
      for attempt in byDestination[Array(healths[index].destination.utf8)] ?? [] {
        guard case .answered(let answer, _) = attempt.outcome else { continue }
        var retryAfter: Duration?
        if case .retry(let after, _) = answer {
          retryAfter = configuration.policy(of: attempt.delivery.message.topic).bounded(after)
        }
        healths[index].health.note(answer, retryAfter: retryAfter, breaker: configuration.breaker, now: now)
      }
    }
    let queues = try queues(healths, now: now, connection)
    try settle(queues, plan(queues, room: 0, now: now), connection)
  }
}
