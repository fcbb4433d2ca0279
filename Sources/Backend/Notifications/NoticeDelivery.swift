import Mail
import Outbox
import WireFormats

/// A message of the outbox: one notice or several, to one recipient by one channel. Each recipient is a destination of its own, so
/// that one who cannot be reached holds up no other.
struct NoticeDelivery: Sendable, Hashable {
  enum Channel: Sendable, Hashable {
    case mail(to: String)
    case webhook
  }

  static let topic = "notice"
  static let webhookDestination = "notices by webhook"

  var channel: Channel
  /// Ids of the rows.
  var notices: [String]

  init(_ channel: Channel, notices: [String]) {
    self.channel = channel
    self.notices = notices
  }

  /// Nil for what is not such a message.
  init?(_ message: OutboxMessage) {
    guard message.topic == Self.topic, let json = try? JSONValue(parsing: Array(message.payload.utf8)),
      let notices = json["notices"]?.array, !notices.isEmpty
    else { return nil }
    self.notices = notices.compactMap(\.string)
    switch json["channel"]?.string {
    case "webhook": channel = .webhook
    case "mail":
      guard let address = json["to"]?.string else { return nil }
      channel = .mail(to: address)
    default: return nil
    }
  }

  /// - Parameter id: of the delivery, the same for all its attempts.
  func outboxMessage(id: String) -> OutboxMessage {
    var payload: JSONValue = ["notices": .array(notices.map { .string($0) })]
    let destination: String
    switch channel {
    case .webhook:
      payload["channel"] = "webhook"
      destination = Self.webhookDestination
    case .mail(let address):
      payload["channel"] = "mail"
      payload["to"] = .string(address)
      destination = "notices to \(NoticeRecipients.key(address))"
    }
    return OutboxMessage(id: id, topic: Self.topic, destination: destination, payload: payload.text)
  }
}
