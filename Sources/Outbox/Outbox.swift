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
    for message in messages { try check(message) }
    try lock(destinationsOf: messages, beside: [], on: connection, now: now)
    try insert(messages, to: connection, now: now)
  }

  /// Locks the rows of destinations in the order of all who lock several, and makes those of the messages due.
  /// - Parameter others: destinations whose rows are there.
  static func lock(
    destinationsOf messages: [OutboxMessage], beside others: [String], on connection: any SQLConnection, now: Timestamp
  ) throws {
    // By bytes, as the database compares: texts that are equal to Swift may be two destinations.
    var dueAt: [[UInt8]: SQLValue] = [:]
    for destination in others { dueAt[Array(destination.utf8)] = .null }
    for message in messages { dueAt[Array(message.destination.utf8)] = .integer(now.microseconds) }
    var rows = RowSet([("destination", .text), ("due_at", .integer)])
    for (destination, dueAt) in dueAt { rows.append([.text(String(decoding: destination, as: UTF8.self)), dueAt]) }
    let order = connection.dialect == .postgresql ? "r.destination COLLATE \"C\"" : "r.destination"
    try connection.execute(
      """
      INSERT INTO outbox_destination (destination, due_at)
      SELECT r.destination, r.due_at FROM \(rows.source(connection.dialect)) WHERE true ORDER BY \(order)
      ON CONFLICT (destination) DO UPDATE SET
        idle_since = CASE WHEN excluded.due_at IS NULL THEN outbox_destination.idle_since END,
        due_at = CASE
          WHEN excluded.due_at IS NULL THEN outbox_destination.due_at
          WHEN outbox_destination.due_at <= excluded.due_at THEN outbox_destination.due_at
          WHEN outbox_destination.held_until > excluded.due_at THEN outbox_destination.held_until
          ELSE excluded.due_at END
      """, [rows.parameter])
  }

  /// Keeps messages whose destinations are locked.
  static func insert(_ messages: [OutboxMessage], to connection: any SQLConnection, now: Timestamp) throws {
    guard !messages.isEmpty else { return }
    var rows = RowSet([
      ("position", .integer), ("id", .text), ("topic", .text), ("destination", .text), ("payload", .text),
    ])
    for (position, message) in messages.enumerated() {
      rows.append([
        .integer(Int64(position)), .text(message.id), .text(message.topic), .text(message.destination),
        .text(message.payload),
      ])
    }
    try connection.execute(
      """
      INSERT INTO outbox (id, topic, destination, payload, next_at, created_at)
      SELECT r.id, r.topic, r.destination, r.payload, $2, $2 FROM \(rows.source(connection.dialect)) ORDER BY r.position
      """, [rows.parameter, .integer(now.microseconds)])
    try connection.notify(channel: channel, payload: "")
  }

  static func check(_ message: OutboxMessage) throws(OutboxMessageError) {
    let fields = [
      ("id", message.id), ("topic", message.topic), ("destination", message.destination), ("payload", message.payload),
    ]
    for (field, text) in fields where text.utf8.contains(0) {
      throw OutboxMessageError(id: field == "id" ? "?" : message.id, field: field)
    }
  }
}
