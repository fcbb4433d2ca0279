import FleetProtocol
import Outbox
import WireFormats

/// A webhook in the outbox: whom it is for and about what. Where it goes and what it is signed with is the organization's when it
/// is sent; the body is the release's and the same for all.
struct WebhookMessage: Sendable, Hashable {
  static let topic = "webhook"

  var target: String
  var organization: String
  var version: String

  init(target: String, organization: String, version: String) {
    self.target = target
    self.organization = organization
    self.version = version
  }

  /// Nil for what is not such a message.
  init?(_ message: OutboxMessage) {
    guard message.topic == Self.topic, let json = try? JSONValue(parsing: Array(message.payload.utf8)),
      let target = json["target"]?.string, let version = json["version"]?.string
    else { return nil }
    self.init(target: target, organization: message.destination, version: version)
  }

  /// - Parameter id: of the delivery, the same for all its attempts.
  func outboxMessage(id: String) -> OutboxMessage {
    let payload: JSONValue = ["target": .string(target), "version": .string(version)]
    return OutboxMessage(id: id, topic: Self.topic, destination: organization, payload: payload.text)
  }
}

/// What a customer's answer to a webhook means (spec §5.2, §8.2).
enum WebhookAnswer {
  static let unauthorized = "401 Unauthorized: the customer does not know the webhook's signature; compare the secrets"

  /// - Parameters:
  ///   - retryAfter: the answer's `Retry-After`, in seconds.
  ///   - body: the beginning of the answer, for whoever looks into it.
  static func meaning(status: Int, retryAfter: String?, body: [UInt8]) -> SendAnswer {
    switch status {
    case 200..<300: return .delivered
    // Sending it again would not help.
    case 401: return .rejected(reason: unauthorized)
    case 300..<400: return .retry(reason: "the customer answered \(status): redirects are not followed")
    default:
      let text = ReportText.cleaned(String(decoding: body.prefix(300), as: UTF8.self))
      let delay = retryAfter.flatMap { Int($0) }.map { Duration.seconds(min(max($0, 0), 3600)) }
      return .retry(after: delay, reason: "the customer answered \(status)" + (text.isEmpty ? "" : ": \(text)"))
    }
  }
}
