import Database
import Logging
import Mail
import Outbox
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Mail to the vendor's own people (spec §1.4): all of it to the admins, and what is escalated or has failed to the account manager
/// of its customer, too. Facts are kept in the transaction that finds them, in the table `gcc_mail_fact`;
/// once a minute what has come together goes out as one mail a subject, so that many failures are no flood.
struct InternalMails: Sendable {
  /// What facts have in common that go out as one mail.
  enum Subject: String, Sendable, CaseIterable {
    case failed = "Deployments that failed"
    case pastDeadline = "Forced releases past their deadline"
    case passedOver = "Customers that a release passes over"
    case offline = "Customers offline for more than 24 hours"
    case unauthorized = "Auth issues with customers"

    /// Whether the customer's account manager hears of it. Secrets that differ are set by admins.
    var isForAccountManagers: Bool { self != .unauthorized }
  }

  struct Fact: Sendable, Hashable {
    var subject: Subject
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
    for fact in facts {
      rows.append([.text(makeID()), .text(fact.subject.rawValue), .text(fact.about), .text(fact.text)])
    }
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
        """
        SELECT f.id, f.subject, f.about, f.text, o."accountManagerId" FROM gcc_mail_fact AS f
        LEFT JOIN organizational_service AS o ON o.name = f.about
        ORDER BY f."createdAt", f.id LIMIT \(Self.setCount)\(connection.dialect.forUpdate(of: "f", skipsLocked: true))
        """)
      guard !rows.isEmpty else { return 0 }
      var set = RowSet([("id", .text)])
      for row in rows { set.append([row[0]]) }
      try connection.execute(
        "DELETE FROM gcc_mail_fact WHERE id IN (SELECT r.id FROM \(set.source(connection.dialect)))", [set.parameter])
      let entries = rows.map {
        Entry(
          subject: $0[1].text ?? "", about: $0[2].text ?? "", text: $0[3].text ?? "", accountManager: $0[4].text)
      }
      let messages = Self.messages(entries, makeID: makeID)
      try Outbox.add(messages, to: connection, now: now)
      return messages.count
    }
  }

  /// A fact as it was kept.
  struct Entry: Sendable {
    var subject: String
    /// The organization's name.
    var about: String
    var text: String
    /// A mail address or another name of who looks after the organization.
    var accountManager: String?
  }

  /// One mail for each subject to the admins, and one to each account manager of whose customers it is.
  static func messages(_ entries: [Entry], makeID: () -> String) -> [OutboxMessage] {
    Dictionary(grouping: entries, by: \.subject).sorted { $0.key < $1.key }.flatMap { subject, entries in
      let isForManagers = InternalMails.Subject(rawValue: subject)?.isForAccountManagers ?? false
      let managed = entries.filter { $0.accountManager.flatMap { MailAddress($0) } != nil }
      let byManager = Dictionary(grouping: isForManagers ? managed : []) { $0.accountManager ?? "" }
      return [message(subject, entries, to: nil, id: makeID())]
        + byManager.sorted { $0.key < $1.key }.map { message(subject, $1, to: $0, id: makeID()) }
    }
  }

  private static func message(_ subject: String, _ entries: [Entry], to manager: String?, id: String) -> OutboxMessage {
    // Of one customer there may be several facts.
    let customers = Set(entries.map(\.about)).count
    let title = entries.count == 1 ? entries[0].text : "\(subject): \(customers)"
    var lines = entries.prefix(listed).map(\.text)
    if entries.count > listed { lines.append("… and \(entries.count - listed) more.") }
    var payload: JSONValue = [
      "subject": .string(String(title.prefix(200))), "text": .string(lines.joined(separator: "\n") + "\n"),
    ]
    payload["to"] = manager.map { .string($0) }
    // One mailbox that takes nothing holds up no other.
    return OutboxMessage(
      id: id, topic: topic, destination: manager.map { "\(destination) to \($0)" } ?? destination, payload: payload.text
    )
  }
}
