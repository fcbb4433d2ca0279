import Database
import Logging
import Mail
import OfferPlanning
import Outbox
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Hands notices to the outbox, for each channel and recipient that there is when it does: one by one, or together where many come
/// within a minute. A notice and its messages change in one transaction, so that whoever is killed loses and repeats none.
final class NoticeDispatcher: Service {
  private static let setCount = 50

  private let database: any Database
  private let recipients: NoticeRecipients
  private let settings: NoticeSettings
  private let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  private let loop: DueLoop

  init(
    database: any Database, recipients: NoticeRecipients, settings: NoticeSettings,
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "notices"
    self.database = database
    self.recipients = recipients
    self.settings = settings
    self.now = now
    self.makeID = makeID
    loop = DueLoop(longestWait: .seconds(60), backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown(wokenBy: database.notifications(channel: NoticeLedger.channel)) {
      try await self.pass()
    }
  }

  func pass() async throws -> DueLoop.Next {
    let now = now()
    let next = try await database.transaction(.write) { try self.dispatch(at: now, $0) }
    try await database.transaction(.write) { _ = try NoticeRetention.removeOld(at: now, $0) }
    return next
  }

  private func dispatch(at now: Timestamp, _ connection: any SQLConnection) throws -> DueLoop.Next {
    let dialect = connection.dialect
    let rows = try connection.query(
      """
      SELECT n.id, \(dialect.text(ofTime: "n.\"createdAt\"")) FROM admin_notice AS n WHERE n."dispatchedAt" IS NULL
      ORDER BY n."createdAt", n.id LIMIT \(Self.setCount)
      """ + dialect.forUpdate(of: "n", skipsLocked: true))
    let ids = rows.compactMap { $0[0].text }
    guard let oldest = rows.first?[1].time else { return .whenWoken }
    let recent = try connection.query(
      """
      SELECT count(*) FROM admin_notice
      WHERE "isAlone" = \(dialect.boolean(true)) AND "dispatchedAt" > \(dialect.time("$1"))
      """, [(now + (.zero - NoticeDispatch.span)).column]
    ).first?[0].integer
    let plan = NoticeDispatch.plan(waiting: ids.count, oldest: oldest, recent: Int(recent ?? 0), now: now)
    let sets: [[String]]
    switch plan {
    case .wait(let moment): return .after(moment - now)
    case .together: sets = [ids]
    case .each: sets = ids.map { [$0] }
    }
    let set = RowSet("id", of: ids)
    try connection.execute(
      """
      UPDATE admin_notice SET "dispatchedAt" = \(dialect.time("$2")), "isAlone" = \(dialect.boolean(plan == .each))
      WHERE id IN (SELECT r.id FROM \(set.source(dialect)))
      """, [set.parameter, now.column])
    let channels = try channels(connection)
    let messages = sets.flatMap { notices in
      channels.map { NoticeDelivery($0, notices: notices).outboxMessage(id: makeID()) }
    }
    try Outbox.add(messages, to: connection, now: now)
    return ids.count == Self.setCount ? .now : .whenWoken
  }

  private func channels(_ connection: any SQLConnection) throws -> [NoticeDelivery.Channel] {
    var channels: [NoticeDelivery.Channel] = settings.webhook == nil ? [] : [.webhook]
    if settings.mail != nil {
      channels += try recipients.all(connection).filter(\.wantsMail).map { .mail(to: $0.address.address) }
    }
    return channels
  }
}

/// For how long notices stay in the list.
enum NoticeRetention {
  /// Of those that were sent.
  static let age: Duration = .seconds(400 * 86_400)
  static let maximumCount = 5_000
  private static let setCount = 500
  /// What holds until it is resolved is told once for as long as it does.
  private static let lasting = AdminNotice.Kind.allCases.filter(\.isLasting).map { "'\($0.rawValue)'" }

  /// - Returns: how many were removed; at most some hundreds at a time.
  static func removeOld(at now: Timestamp, _ connection: any SQLConnection) throws -> Int {
    let dialect = connection.dialect
    let start = now + (.zero - age)
    return try connection.execute(
      """
      DELETE FROM admin_notice WHERE id IN (
        SELECT n.id FROM admin_notice AS n
        WHERE n."dispatchedAt" IS NOT NULL
          AND (n."resolvedAt" IS NOT NULL OR n.kind NOT IN (\(lasting.joined(separator: ", "))))
          AND (n."createdAt" < \(dialect.time("$1")) OR n.id IN (
            SELECT m.id FROM admin_notice AS m ORDER BY m."createdAt" DESC, m.id DESC
            LIMIT \(setCount) OFFSET \(maximumCount)))
        ORDER BY n."createdAt" LIMIT \(setCount))
      """, [start.column])
  }
}
