public import Database
public import WireFormats

/// What goes after a time. A runner sees to it; whoever runs none may do it by hand.
extension Outbox {
  /// Forgets messages that were given up or rejected before `moment`, at most `limit` of them.
  /// - Returns: how many were forgotten.
  @discardableResult
  public static func removeDead(
    before moment: Timestamp, limit: Int = 1000, from connection: any SQLConnection
  ) throws -> Int {
    try connection.execute(
      """
      DELETE FROM outbox_dead WHERE sequence IN (
        SELECT sequence FROM outbox_dead WHERE died_at < $1 ORDER BY died_at LIMIT $2\(skippingLocked(connection)))
      """, [.integer(moment.microseconds), .integer(Int64(limit))])
  }

  /// Forgets that destinations did not answer for which no message has waited since `moment`, at most `limit` of them.
  /// - Returns: how many were forgotten.
  @discardableResult
  public static func removeIdleDestinations(
    since moment: Timestamp, limit: Int = 1000, from connection: any SQLConnection
  ) throws -> Int {
    try connection.execute(
      """
      DELETE FROM outbox_destination WHERE destination IN (
        SELECT destination FROM outbox_destination WHERE idle_since < $1 ORDER BY idle_since LIMIT $2\
      \(skippingLocked(connection)))
      """, [.integer(moment.microseconds), .integer(Int64(limit))])
  }

  /// Several processes may do it at once, and none waits for another.
  private static func skippingLocked(_ connection: any SQLConnection) -> String {
    connection.dialect == .postgresql ? " FOR UPDATE SKIP LOCKED" : ""
  }
}
