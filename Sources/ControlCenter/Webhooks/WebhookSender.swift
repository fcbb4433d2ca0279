import FleetProtocol
import HTTPTransport
import Outbox
import WireFormats

/// Sends webhooks, and has it written down that they arrived before the outbox forgets them.
struct WebhookSender: Sendable {
  private static let maximumAnswerBytes = 64 << 10

  let http: HTTPClient
  let offers: OfferIndex
  let secrets: WebhookSecrets
  /// By the ids of targets.
  let recipients: SetWriter<String, WebhookRecipient?>
  let acknowledgements: SetWriter<WebhookAcknowledgement, Void>
  let now: @Sendable () -> Timestamp
  /// A customer that acknowledges takes no longer: what follows is its own affair.
  var timeout: Duration = .seconds(10)

  func send(_ delivery: Delivery) async throws -> SendAnswer {
    guard let message = WebhookMessage(delivery.message) else {
      return .rejected(reason: "the message is not one of this version")
    }
    guard let offer = try await offers.currentRelease(message.version) else {
      return .rejected(reason: "there is no release \(message.version) any more")
    }
    guard offer.isOffered else {
      return .rejected(reason: "the release \(message.version) is not offered any more")
    }
    guard let recipient = try await recipients.submit(message.target), recipient.isOffered else {
      return .rejected(reason: "the offer of \(message.version) was taken back or answered already")
    }
    guard !recipient.endpoint.isEmpty, !recipient.secret.isEmpty else {
      return .rejected(reason: "the organization has no webhook any more: it learns of the release when it polls")
    }
    guard let secret = secrets.open(recipient.secret, of: message.organization) else {
      return .rejected(
        reason: "the webhook's secret was sealed with another key: check GCC_SECRET_KEY_FILE, or set the secret anew")
    }
    let answer = try await post(offer.body, to: recipient.endpoint, secret: secret, id: delivery.message.id)
    guard case .delivered = answer else { return answer }
    try await acknowledgements.submit(
      WebhookAcknowledgement(
        target: message.target, organization: message.organization, retries: delivery.attempt - 1))
    return .delivered
  }

  func post(
    _ body: [UInt8], to endpoint: String, secret: String, id: String
  ) async throws -> SendAnswer {
    let request = HTTPRequest(
      method: "POST", url: endpoint,
      headers: [
        ("Content-Type", "application/json"),
        (WebhookSignature.header, WebhookSignature.signature(of: body, secret: secret)),
        (WebhookSignature.idHeader, id),
        (WebhookSignature.timestampHeader, String(now().microseconds / 1_000_000)),
      ], body: .bytes(body), timeout: timeout, connectTimeout: .seconds(5),
      maximumResponseBytes: Self.maximumAnswerBytes)
    do throws(HTTPTransportError) {
      let response = try await http.send(request)
      return WebhookAnswer.meaning(
        status: response.status, retryAfter: response.headers["Retry-After"], body: response.body)
    } catch {
      return .retry(reason: "\(error)")
    }
  }
}
