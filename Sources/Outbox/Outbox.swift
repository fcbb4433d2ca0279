public import Database
public import WireFormats

/// Messages that are kept in the database until their receivers have them: sent at least once each, whatever is killed when.
public enum Outbox {
  /// Notified when there are messages to send.
  public static let channel = "outbox"

  /// Keeps messages to be sent, in the order given, if and when the transaction commits.
  ///
  /// The rows of the destinations stay locked until then, which makes the order of a destination's messages the order of
  /// commits; so let this be one of the last things of the transaction, and one call for all messages, some thousands at
  /// a time. A message whose id was used before is a `uniqueViolation`, unless that one is gone already.
  /// - Throws: `DatabaseError`, or `OutboxMessageError` for a text that the database cannot keep.
  public static func add(_ messages: [OutboxMessage], to connection: any SQLConnection, now: Timestamp) throws {
    guard !messages.isEmpty else { return }
    var rows = RowSet([
      ("position", .integer), ("id", .text), ("topic", .text), ("destination", .text), ("payload", .text),
    ])
    for (position, message) in messages.enumerated() {
      try check(message)
      rows.append([
        .integer(Int64(position)), .text(message.id), .text(message.topic), .text(message.destination),
        .text(message.payload),
      ])
    }
    let source = rows.source(connection.dialect)
    // Locked in the order of all who lock several.
    let order = connection.dialect == .postgresql ? "d.destination COLLATE \"C\"" : "d.destination"
    try connection.execute(
      """
      INSERT INTO outbox_destination (destination, due_at)
      SELECT d.destination, $2 FROM (SELECT DISTINCT r.destination FROM \(source)) AS d WHERE true ORDER BY \(order)
      ON CONFLICT (destination) DO UPDATE SET due_at = CASE
        WHEN outbox_destination.due_at <= excluded.due_at THEN outbox_destination.due_at
        WHEN outbox_destination.held_until > excluded.due_at THEN outbox_destination.held_until
        ELSE excluded.due_at END
      """, [rows.parameter, .integer(now.microseconds)])
    try connection.execute(
      """
      INSERT INTO outbox (id, topic, destination, payload, next_at, created_at)
      SELECT r.id, r.topic, r.destination, r.payload, $2, $2 FROM \(source) ORDER BY r.position
      """, [rows.parameter, .integer(now.microseconds)])
    try connection.notify(channel: channel, payload: "")
  }

  /// Forgets messages that were given up or rejected before `moment`, at most `limit` of them.
  /// - Returns: how many were forgotten.
  @discardableResult
  public static func removeDead(
    before moment: Timestamp, limit: Int = 1000, from connection: any SQLConnection
  ) throws -> Int {
    try connection.execute(
      """
      DELETE FROM outbox_dead WHERE sequence IN (
        SELECT sequence FROM outbox_dead WHERE died_at < $1 ORDER BY died_at LIMIT $2)
      """, [.integer(moment.microseconds), .integer(Int64(limit))])
  }

  private static func check(_ message: OutboxMessage) throws(OutboxMessageError) {
    let fields = [
      ("id", message.id), ("topic", message.topic), ("destination", message.destination), ("payload", message.payload),
    ]
    for (field, text) in fields where text.utf8.contains(0) {
      throw OutboxMessageError(id: field == "id" ? "?" : message.id, field: field)
    }
  }
}
