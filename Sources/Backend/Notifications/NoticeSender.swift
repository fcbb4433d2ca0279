import Database
import DeploymentKinds
import FleetProtocol
import HTTPTransport
import Mail
import OfferPlanning
import Outbox
import ServerPrograms
import Timing
import WireFormats

/// Carries notices to the admins, by mail and by webhook.
struct NoticeSender: Sendable {
  typealias SendMail = @Sendable (MailMessage) async throws(MailError) -> Void

  static let timeout: Duration = .seconds(20)

  let database: any Database
  let settings: NoticeSettings
  let recipients: NoticeRecipients
  let messages: NoticeMessages
  let http: HTTPClient
  /// Nil where no SMTP server is configured.
  let sendMail: SendMail?
  let now: @Sendable () -> Timestamp

  func send(_ delivery: Delivery) async throws -> SendAnswer {
    guard let notice = NoticeDelivery(delivery.message) else {
      return .rejected(reason: "the message is not one of this version")
    }
    let (kept, preflight) = try await database.transaction(.read) { connection in
      let kept = try KeptNotice.find(notice.notices, in: connection)
      return (kept, try Self.preflight(of: kept, connection))
    }
    guard !kept.isEmpty else { return .rejected(reason: "the notice is not kept any more") }
    let document = messages.document(kept, preflight: preflight)
    switch notice.channel {
    case .webhook: return await post(document, kept, id: delivery.message.id)
    case .mail(let address):
      let recipient = try await database.transaction(.read) { try recipients.wanted(address, $0) }
      guard let recipient else { return .rejected(reason: "the recipient is no admin any more, or wants no mail") }
      return await mail(document, to: recipient, id: delivery.message.id, at: delivery.createdAt)
    }
  }

  // MARK: A test

  struct TestAnswer: Sendable, Hashable {
    /// `mail` or `webhook`.
    var channel: String
    var recipient: String?
    /// Nil where the channel has taken the notice.
    var problem: String?
  }

  /// Sends a notice by every channel to everybody, without the outbox, and says what came of each.
  func test(id: String, actor: String) async throws -> [TestAnswer] {
    let now = now()
    let row = KeptNotice(
      AdminNotice(.test, fact: id, detail: "Asked for by \(actor)"), id: id, createdAt: now)
    let document = messages.document([row])
    let wanted = try await database.transaction(.read) { try recipients.all($0).filter(\.wantsMail).map(\.address) }
    return await withTaskGroup(of: TestAnswer.self) { group in
      if settings.webhook != nil {
        group.addTask {
          TestAnswer(channel: "webhook", problem: await within { await post(document, [row], id: id) })
        }
      }
      for recipient in settings.mail == nil ? [] : wanted {
        group.addTask {
          TestAnswer(
            channel: "mail", recipient: recipient.address,
            problem: await within { await mail(document, to: recipient, id: id, at: now) })
        }
      }
      var answers: [TestAnswer] = []
      for await answer in group { answers.append(answer) }
      return answers.sorted { ($0.channel, $0.recipient ?? "") < ($1.channel, $1.recipient ?? "") }
    }
  }

  private func within(_ send: @escaping @Sendable () async -> SendAnswer) async -> String? {
    switch try? await withTimeout(Self.timeout, { await send() }) {
    case .delivered: nil
    case .retry(_, let reason), .rejected(let reason): reason
    case nil: "no answer within \(Self.timeout)"
    }
  }

  // MARK: Channels

  private func mail(
    _ document: NoticeDocument, to recipient: MailAddress, id: String, at date: Timestamp
  ) async -> SendAnswer {
    guard let sendMail, let sender = settings.mail?.sender else {
      return .rejected(reason: "no SMTP server is configured any more: set SMTP_HOST")
    }
    do throws(MailError) {
      try await sendMail(messages.mail(document, id: id, at: date, from: sender, to: recipient))
      return .delivered
    } catch {
      return error.isPermanent ? .rejected(reason: "\(error)") : .retry(reason: "\(error)")
    }
  }

  private func post(_ document: NoticeDocument, _ kept: [KeptNotice], id: String) async -> SendAnswer {
    guard let webhook = settings.webhook else {
      return .rejected(reason: "no webhook is configured any more: set WRKTALK_NOTICE_WEBHOOK_URL")
    }
    let body = messages.webhook(document, kept, id: id).serialized()
    var headers = [
      ("Content-Type", "application/json"), (WebhookSignature.idHeader, id),
      (WebhookSignature.timestampHeader, String(now().microseconds / 1_000_000)),
    ]
    if let secret = webhook.secret {
      headers.append((WebhookSignature.header, WebhookSignature.signature(of: body, secret: secret)))
    }
    let request = HTTPRequest(
      method: "POST", url: webhook.url, headers: headers, body: .bytes(body), timeout: .seconds(10),
      connectTimeout: .seconds(5), maximumResponseBytes: 64 << 10)
    do throws(HTTPTransportError) {
      return Self.meaning(of: try await http.send(request), at: now())
    } catch {
      return .retry(reason: "\(error)")
    }
  }

  /// An address that is wrong now may be put right within the days that a message waits; a body that is refused stays so.
  static func meaning(of response: HTTPResponse, at now: Timestamp) -> SendAnswer {
    let text = ReportText.cleaned(String(decoding: response.body.prefix(300), as: UTF8.self))
    let reason = "the webhook's receiver answered \(response.status)" + (text.isEmpty ? "" : ": \(text)")
    switch response.status {
    case 200..<300: return .delivered
    case 400, 413, 422: return .rejected(reason: reason)
    default:
      let delay = response.headers["Retry-After"].flatMap { RetryAfter.duration($0, now: now) }
      return .retry(after: delay.map { min($0, .seconds(3600)) }, reason: reason)
    }
  }

  /// How the checks of the releases that are offered ended, as far as they have.
  static func preflight(
    of notices: [KeptNotice], _ connection: any SQLConnection
  ) throws -> [String: [String]] {
    let versions = Set(notices.compactMap(\.notice).filter { $0.kind == .releaseAvailable }.compactMap(\.version))
    guard !versions.isEmpty else { return [:] }
    let rows = RowSet("version", of: versions.sorted())
    let found = try connection.query(
      """
      SELECT d.version, CAST(d.preflight AS text) FROM scheduled_deployment AS d
      WHERE d.preflight IS NOT NULL AND d.version IN (SELECT r.version FROM \(rows.source(connection.dialect)))
      ORDER BY d."receivedAt"
      """, [rows.parameter])
    var sentences: [String: [String]] = [:]
    for row in found {
      guard let version = row[0].text, let text = row[1].text,
        let answer = try? JSONValue(parsing: Array(text.utf8)).decoded(as: DesiredDeploymentStatus.Preflight.self)
      else { continue }
      sentences[version] = answer.sentences
    }
    return sentences
  }
}
