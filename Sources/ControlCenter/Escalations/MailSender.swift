import Mail
import Outbox
import WireFormats

/// Sends internal mail through the SMTP server of the environment: to whom it names, or to the admins.
struct MailSender: Sendable {
  let client: MailClient
  let sender: MailAddress
  let admins: [MailAddress]

  func send(_ delivery: Delivery) async throws -> SendAnswer {
    guard let json = try? JSONValue(parsing: Array(delivery.message.payload.utf8)),
      let subject = json["subject"]?.string, let text = json["text"]?.string
    else { return .rejected(reason: "the message is not one of this version") }
    let recipients: [MailAddress]
    switch json["to"]?.string {
    case nil: recipients = admins
    case let manager?:
      guard let address = MailAddress(manager) else { return .rejected(reason: "\(manager) is no mail address") }
      recipients = [address]
    }
    let mail = MailMessage(
      id: delivery.message.id, date: delivery.createdAt, from: sender, to: recipients, subject: "[GCC] \(subject)",
      text: text)
    do throws(MailError) {
      try await client.send(mail)
      return .delivered
    } catch {
      return error.isPermanent ? .rejected(reason: "\(error)") : .retry(reason: "\(error)")
    }
  }
}
