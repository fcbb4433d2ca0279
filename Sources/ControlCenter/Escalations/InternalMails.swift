import Database
import Logging
import Mail
import Outbox
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Mail to the vendor's own people (spec §1.4). Facts are kept in the transaction that finds them, in the table `gcc_mail_fact`;
/// once a minute what has come together goes out as one mail a subject, so that many failures are no flood.
struct InternalMails: Sendable {
  struct Fact: Sendable, Hashable {
    var subject: String
    /// The organization's name.
    var about: String
    /// A sentence for people.
    var text: String
  }

  /// False where no mail is sent.
  let isSending: Bool
  let makeID: @Sendable () -> String

  func record(_ facts: [Fact], in connection: any SQLConnection) throws {
    guard isSending, !facts.isEmpty else { return }
    var rows = RowSet([("id", .text), ("subject", .text), ("about", .text), ("text", .text)])
    for fact in facts { rows.append([.text(makeID()), .text(fact.subject), .text(fact.about), .text(fact.text)]) }
    try connection.execute(
      """
      INSERT INTO gcc_mail_fact (id, subject, about, text)
      SELECT r.id, r.subject, r.about, r.text FROM \(rows.source(connection.dialect))
      """, [rows.parameter])
  }
}

/// Turns what has come together into mails for the outbox.
final class MailDigest: Service {
  static let topic = "mail"
  static let destination = "internal mail"
  private static let listed = 100
  /// Facts of one pass.
  private static let setCount = 5_000

  private let database: any Database
  private let makeID: @Sendable () -> String
  private let now: @Sendable () -> Timestamp
  private let loop: DueLoop
  private let interval: Duration

  init(
    database: any Database, interval: Duration = .seconds(60), clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    self.database = database
    self.makeID = makeID
    self.now = now
    self.interval = interval
    loop = DueLoop(longestWait: interval, backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown {
      _ = try await self.pass()
      return .after(self.interval)
    }
  }

  /// - Returns: how many mails there are to send.
  func pass() async throws -> Int {
    let (now, makeID) = (now(), makeID)
    return try await database.transaction(.write) { connection in
      let rows = try connection.query(
        "SELECT id, subject, text FROM gcc_mail_fact ORDER BY \"createdAt\", id LIMIT \(Self.setCount)"
          + connection.dialect.forUpdate(of: "gcc_mail_fact", skipsLocked: true))
      guard !rows.isEmpty else { return 0 }
      var set = RowSet([("id", .text)])
      for row in rows { set.append([row[0]]) }
      try connection.execute(
        "DELETE FROM gcc_mail_fact WHERE id IN (SELECT r.id FROM \(set.source(connection.dialect)))", [set.parameter])
      let bySubject = Dictionary(grouping: rows) { $0[1].text ?? "" }
      let messages = bySubject.sorted { $0.key < $1.key }.map { subject, rows in
        Self.message(subject, rows.compactMap { $0[2].text }, id: makeID())
      }
      try Outbox.add(messages, to: connection, now: now)
      return messages.count
    }
  }

  static func message(_ subject: String, _ texts: [String], id: String) -> OutboxMessage {
    let title = texts.count == 1 ? texts[0] : "\(subject): \(texts.count)"
    var lines = Array(texts.prefix(listed))
    if texts.count > listed { lines.append("… and \(texts.count - listed) more.") }
    let payload: JSONValue = [
      "subject": .string(String(title.prefix(200))), "text": .string(lines.joined(separator: "\n") + "\n"),
    ]
    return OutboxMessage(id: id, topic: topic, destination: destination, payload: payload.text)
  }
}
