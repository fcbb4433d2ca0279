import Database
import WireFormats

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
      try settle(queues, plan, now: now, connection)
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
