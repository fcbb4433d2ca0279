import Database
import OfferPlanning
import WireFormats

/// A row of `admin_notice`.
struct KeptNotice: Sendable, Hashable {
  var id: String
  /// Nil where the row is of a version that knows kinds which this one does not.
  var notice: AdminNotice?
  var kind: String
  var createdAt: Timestamp
  var resolvedAt: Timestamp?
  /// When it was handed to the outbox.
  var dispatchedAt: Timestamp?

  init(_ notice: AdminNotice, id: String, createdAt: Timestamp) {
    self.id = id
    self.notice = notice
    self.kind = notice.kind.rawValue
    self.createdAt = createdAt
  }

  static func columns(_ dialect: SQLDialect) -> String {
    let times = ["createdAt", "resolvedAt", "dispatchedAt"].map { dialect.text(ofTime: "n.\"\($0)\"") }
    return (["n.id", "n.kind", "n.notice"] + times).joined(separator: ", ")
  }

  /// - Parameter row: of a query of `columns`.
  init(_ row: SQLRow) {
    id = row[0].text ?? ""
    kind = row[1].text ?? ""
    notice = row[2].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }.flatMap { try? $0.decoded() }
    createdAt = row[3].time ?? Timestamp(seconds: 0)
    resolvedAt = row[4].time
    dispatchedAt = row[5].time
  }

  /// Those of these ids that are still there, oldest first.
  static func find(_ ids: [String], in connection: any SQLConnection) throws -> [KeptNotice] {
    let rows = RowSet("id", of: ids)
    return try connection.query(
      """
      SELECT \(columns(connection.dialect)) FROM admin_notice AS n
      WHERE n.id IN (SELECT r.id FROM \(rows.source(connection.dialect))) ORDER BY n."createdAt", n.id
      """, [rows.parameter]
    ).map(KeptNotice.init)
  }
}
