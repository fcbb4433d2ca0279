import Database
import WireFormats

extension OutboxLedger {
  /// Records how attempts ended, and gives up what is hopeless. What does not belong to its claim any more, because that
  /// had run out and another process has taken the message, is left out.
  /// - Parameters:
  ///   - look: at which destinations to look for messages that are hopeless.
  ///   - report: is given the messages that are dead by this transaction, and returns what is to be sent about them.
  /// - Returns: the sequences of the messages whose attempts were recorded.
  @discardableResult
  func record(
    _ attempts: [EndedAttempt], look: Look, now: Timestamp, _ connection: any SQLConnection,
    report: OutboxRunner.ReportDead
  ) throws -> Set<Int64> {
    let claimOf = try lock(attempts, connection)
    let owned = attempts.filter { claimOf[$0.delivery.sequence] == $0.delivery.claim }
    let ownedSequences = Set(owned.map(\.delivery.sequence))
    // An attempt that outlived its claim decides about its message.
    let hopeless = try hopeless(look, now: now, connection).filter { !ownedSequences.contains($0.sequence) }
    guard !owned.isEmpty || !hopeless.isEmpty else { return [] }

    var removed: [Int64] = []
    var dead: [DeadMessage] = []
    var buried = RowSet(Self.sequenceColumns + [("cause", .text), ("reason", .text)])
    var kept = RowSet(
      Self.sequenceColumns + [("next_at", .integer), ("attempts", .integer), ("last_error", .text)])
    func bury(_ sequence: Int64, _ message: DeadMessage) {
      removed.append(sequence)
      buried.append([.integer(sequence), .text(message.cause.rawValue), .text(message.reason)])
      dead.append(message)
    }
    for attempt in owned {
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
        bury(
          delivery.sequence,
          DeadMessage(
            message: delivery.message, attempts: delivery.attempt, createdAt: delivery.createdAt, cause: cause,
            reason: reason))
      }
    }
    for (sequence, message) in hopeless { bury(sequence, message) }
    try write(removed: removed, buried: buried, kept: kept, now: now, connection)
    let followUps = dead.isEmpty ? [] : try report(dead, connection)
    for message in followUps { try Outbox.check(message) }
    let destinations = owned.map(\.delivery.message.destination) + hopeless.map(\.message.message.destination)
    if !followUps.isEmpty {
      // All at once, since whoever adds messages locks several, too.
      try Outbox.lock(destinationsOf: followUps, beside: destinations, on: connection, now: now)
      try Outbox.insert(followUps, to: connection, now: now)
    }
    try settle(destinations, after: owned, now: now, connection)
    return ownedSequences
  }

  /// Locks the messages of attempts.
  /// - Returns: which claim each belongs to, where it is that of an attempt.
  private func lock(_ attempts: [EndedAttempt], _ connection: any SQLConnection) throws -> [Int64: String] {
    guard !attempts.isEmpty else { return [:] }
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
    return claimOf
  }

  private func write(
    removed: [Int64], buried: RowSet, kept: RowSet, now: Timestamp, _ connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
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
  }

  /// Brings what is known of destinations up to date.
  private func settle(
    _ destinations: [String], after attempts: [EndedAttempt], now: Timestamp, _ connection: any SQLConnection
  ) throws {
    // By bytes, as the database compares: texts that are equal to Swift may be two destinations.
    let byDestination = Dictionary(grouping: attempts) { Array($0.delivery.message.destination.utf8) }
    let rows = Self.set(of: Set(destinations.map { Array($0.utf8) }).map { String(decoding: $0, as: UTF8.self) })
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
    try settle(queues, plan(queues, room: 0, now: now), now: now, connection)
  }
}
