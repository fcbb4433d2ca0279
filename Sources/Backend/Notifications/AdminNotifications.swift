import Database
import HTTPService
import HTTPTransport
import Hummingbird
import Logging
import Mail
import OfferPlanning
import Outbox
import ServerPrograms
import ServiceLifecycle
import WireFormats

/// What brings notices to the admins, put together.
struct AdminNotifications: Sendable {
  let dispatcher: NoticeDispatcher
  let sender: NoticeSender
  private let endpoints: NoticeEndpoints
  private let mails: MailClient?

  init(
    database: any Database, configuration: BackendConfiguration, http: HTTPClient,
    now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    let settings = configuration.notices
    let mails = settings.mail.map { MailClient($0.settings) }
    self.mails = mails
    let recipients = NoticeRecipients(configured: settings.addresses)
    sender = NoticeSender(
      database: database, settings: settings, recipients: recipients,
      messages: NoticeMessages(writer: NoticeWriter(configuration.noticeContext), publicURL: settings.publicURL),
      http: http, sendMail: mails.map(Self.sending), now: now)
    endpoints = NoticeEndpoints(database: database, sender: sender, makeID: makeID)
    dispatcher = NoticeDispatcher(
      database: database, recipients: recipients, settings: settings, now: now, makeID: makeID, logger: logger)
  }

  private static func sending(_ client: MailClient) -> NoticeSender.SendMail {
    { (message: MailMessage) async throws(MailError) -> Void in try await client.send(message) }
  }

  /// For the messages of the topic `NoticeDelivery.topic`.
  var messageSender: MessageSenders.Sender {
    MessageSenders.Sender(policy: DeliveryPolicy(), send: { [sender] in try await sender.send($0) })
  }

  func addRoutes(to router: Router<ServiceContext>) { endpoints.addRoutes(to: router) }

  func shutdown() { mails?.stop() }
}
