import Mail
import Outbox
import WireFormats

/// Sends internal mail through the SMTP server of the environment.
struct MailSender: Sendable {
  let client: MailClient
  let sender: MailAddress
  let recipients: [MailAddress]

  func send(_ delivery: Delivery) async throws -> SendAnswer {
    guard let json = try? JSONValue(parsing: Array(delivery.message.payload.utf8)),
      let subject = json["subject"]?.string, let text = json["text"]?.string
    else { return .rejected(reason: "the message is not one of this version") }
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
