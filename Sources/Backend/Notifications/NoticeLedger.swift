import Database
import FleetProtocol
import OfferPlanning
import WireFormats

/// What the admins are told, kept in the transaction that finds it: one mail for one fact, also across restarts. What was kept is
/// in the list, whether or not there is a channel to send it by.
struct NoticeLedger: Sendable {
  /// Notified when there are notices to send.
  static let channel = "notices"

  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  /// One of the last statements of a transaction, before those of reports. A fact that is open already is not told again.
  func record(_ notices: [AdminNotice], in connection: any SQLConnection) throws {
    guard !notices.isEmpty else { return }
    let dialect = connection.dialect
    var rows = RowSet([("id", .text), ("fact", .text), ("kind", .text), ("notice", .text)])
    for notice in notices.map(Self.bounded) {
      rows.append([
        .text(makeID()), .text(notice.id), .text(notice.kind.rawValue), .text(try JSONValue(encoding: notice).text),
      ])
    }
    let kept = try connection.execute(
      """
      INSERT INTO admin_notice (id, fact, kind, notice, "createdAt")
      SELECT r.id, r.fact, r.kind, r.notice, \(dialect.time("$2")) FROM \(rows.source(dialect)) WHERE true
      ON CONFLICT (fact) WHERE "resolvedAt" IS NULL DO NOTHING
      """, [rows.parameter, now().column])
    if kept > 0 { try connection.notify(channel: Self.channel, payload: "") }
  }

  /// What is over is told when it comes again.
  /// - Returns: whether it had been told.
  @discardableResult
  func resolve(_ kind: AdminNotice.Kind, fact: String, in connection: any SQLConnection) throws -> Bool {
    try connection.execute(
      """
      UPDATE admin_notice SET "resolvedAt" = \(connection.dialect.time("$2"))
      WHERE fact = $1 AND "resolvedAt" IS NULL
      """, [.text(AdminNotice(kind, fact: fact).id), now().column]) > 0
  }

  /// Goes by what holds now: of a kind, those that hold are told unless they were, and all others are over.
  /// - Parameter subject: what the facts begin with that are meant; empty for all of the kind.
  func settle(
    _ kind: AdminNotice.Kind, about subject: String = "", holding notices: [AdminNotice] = [],
    in connection: any SQLConnection
  ) throws {
    let dialect = connection.dialect
    let prefix = AdminNotice(kind, fact: subject).id
    let holding = RowSet("fact", of: notices.map { Self.bounded($0).id })
    try connection.execute(
      """
      UPDATE admin_notice SET "resolvedAt" = \(dialect.time("$2"))
      WHERE "resolvedAt" IS NULL AND substr(fact, 1, \(prefix.unicodeScalars.count)) = $3
        AND fact NOT IN (SELECT r.fact FROM \(holding.source(dialect)))
      """, [holding.parameter, now().column, .text(prefix)])
    try record(notices, in: connection)
  }

  /// What was told of something, such as a deployment that is offered anew, is told again.
  /// - Parameter subject: what the facts begin with.
  func resolveAll(about subject: String, in connection: any SQLConnection) throws {
    try connection.execute(
      """
      UPDATE admin_notice SET "resolvedAt" = \(connection.dialect.time("$2"))
      WHERE "resolvedAt" IS NULL AND substr(fact, length(kind) + 2, \(subject.unicodeScalars.count)) = $1
      """, [.text(subject), now().column])
  }

  /// As the table keeps it: without NUL, and no longer than anybody reads.
  private static func bounded(_ notice: AdminNotice) -> AdminNotice {
    var notice = notice
    notice.fact = ReportText.cleaned(notice.fact)
    notice.version = notice.version.map { ReportText.cleaned(String($0.prefix(128))) }
    notice.detail = notice.detail.map(ReportText.cleaned)
    notice.reason = notice.reason.map { ReportText.cleaned(String($0.prefix(128))) }
    return notice
  }
}
