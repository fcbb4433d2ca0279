import Database
import WireFormats

extension OutboxLedger {
  /// At how many of the destinations that are due to look.
  struct Look: Sendable, Hashable {
    /// Of those whose last message had success.
    var sound: Int
    /// Of those whose last message had none.
    var failing: Int

    static let nowhere = Look(sound: 0, failing: 0)
  }

  /// How many messages are given up in one transaction.
  static let mostGivenUp = 1000

  /// Messages in nobody's hands that are given up without another attempt (`DeliveryPolicy.hopelessness`), locked: those
  /// that have become too old behind others that their destination did not answer to, and those that have ended too many
  /// processes. What is locked is passed over, so that nobody waits out of order.
  func hopeless(
    _ look: Look, now: Timestamp, _ connection: any SQLConnection
  ) throws -> [(sequence: Int64, message: DeadMessage)] {
    guard look.sound > 0 || look.failing > 0 else { return [] }
    let dialect = connection.dialect
    var policies = RowSet([("topic", .text), ("created_at", .integer), ("attempts", .integer)])
    for (topic, policy) in configuration.policies {
      policies.append([
        .text(topic), .integer((now + (.zero - policy.maximumAge)).microseconds),
        .integer(Int64(policy.maximumAttempts)),
      ])
    }
    let source = policies.source(dialect, as: "p")
    func limit(_ column: String, of topic: String, else usual: String) -> String {
      "COALESCE((SELECT p.\(column) FROM \(source) WHERE p.topic = \(topic)), \(usual))"
    }
    let found = try connection.query(
      """
      WITH RECURSIVE failing(destination) AS (
        SELECT d.destination FROM outbox_destination d
        WHERE d.failures > 0 AND d.due_at <= $2 ORDER BY d.due_at, d.destination LIMIT $5),
      sound(destination) AS (
        SELECT d.destination FROM outbox_destination d
        WHERE d.failures = 0 AND d.due_at <= $2 ORDER BY d.due_at, d.destination LIMIT $6),
      due(destination) AS (SELECT destination FROM failing UNION ALL SELECT destination FROM sound),
      topics(destination, topic) AS (
        SELECT f.destination, (SELECT min(m.topic) FROM outbox m WHERE m.destination = f.destination) FROM failing f
        UNION ALL
        SELECT t.destination,
          (SELECT min(m.topic) FROM outbox m WHERE m.destination = t.destination AND m.topic > t.topic)
        FROM topics t WHERE t.topic IS NOT NULL),
      hopeless(sequence) AS (
        SELECT m.sequence FROM topics t
        \(Self.first(
          Self.mostGivenUp,
          where: """
            h.destination = t.destination AND h.topic = t.topic
            AND h.created_at <= \(limit("created_at", of: "t.topic", else: "$3"))
            """,
          order: "h.created_at", dialect))
        UNION
        SELECT m.sequence FROM due d
        \(Self.first(
          Self.mostGivenUp,
          where: """
            h.destination = d.destination AND h.locked_by IS NOT NULL AND h.next_at <= $2
            AND h.attempts >= \(limit("attempts", of: "h.topic", else: "$4"))
            """,
          order: "h.sequence", dialect)))
      SELECT m.sequence, m.id, m.topic, m.destination, m.payload, m.attempts, m.created_at, m.last_error, m.locked_by,
        CASE WHEN m.destination IN (SELECT destination FROM failing) THEN 1 ELSE 0 END
      FROM outbox m WHERE m.sequence IN (SELECT sequence FROM hopeless ORDER BY sequence LIMIT \(Self.mostGivenUp))
        AND (m.locked_by IS NULL OR m.next_at <= $2)
      ORDER BY m.sequence\(dialect == .postgresql ? " FOR UPDATE OF m SKIP LOCKED" : "")
      """,
      [
        policies.parameter, .integer(now.microseconds),
        .integer((now + (.zero - configuration.policy.maximumAge)).microseconds),
        .integer(Int64(configuration.policy.maximumAttempts)), .integer(Int64(look.failing)),
        .integer(Int64(look.sound)),
      ])
    return found.compactMap { row in
      let message = OutboxMessage(
        id: row[1].text ?? "", topic: row[2].text ?? "", destination: row[3].text ?? "", payload: row[4].text ?? "")
      let (attempts, createdAt) = (Int(row[5].integer ?? 0), Timestamp(microseconds: row[6].integer ?? 0))
      let reason = configuration.policy(of: message.topic).hopelessness(
        attempts: attempts, isAbandoned: !row[8].isNull, isUnanswered: row[9].integer == 1, createdAt: createdAt,
        lastError: row[7].text, now: now)
      guard let sequence = row[0].integer, let reason else { return nil }
      return (
        sequence,
        DeadMessage(message: message, attempts: attempts, createdAt: createdAt, cause: .givenUp, reason: reason)
      )
    }
  }
}
