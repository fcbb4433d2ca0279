import Database
import FleetKinds
import FleetProtocol
import HTTPTransport
import Outbox
import WireFormats

/// Sends webhooks, and has it written down that they arrived before the outbox forgets them.
struct WebhookSender: Sendable {
  /// A customer that acknowledges takes no longer: what follows is its own affair.
  static let timeout: Duration = .seconds(10)
  private static let maximumAnswerBytes = 64 << 10

  let database: any Database
  let http: HTTPClient
  let offers: OfferIndex
  let secrets: WebhookSecrets
  let acknowledgements: SetWriter<WebhookAcknowledgement, Void>
  let now: @Sendable () -> Timestamp

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
    guard try await isOffered(message) else {
      return .rejected(reason: "the offer of \(message.version) was taken back or answered already")
    }
    guard let secret = secrets.open(message.sealedSecret, of: message.organization) else {
      return .rejected(
        reason: "the webhook's secret was sealed with another key: check GCC_SECRET_KEY_FILE, or set the secret anew")
    }
    let answer = try await post(offer.body, message, secret: secret, id: delivery.message.id)
    guard case .delivered = answer else { return answer }
    try await acknowledgements.submit(
      WebhookAcknowledgement(
        target: message.target, organization: message.organization, retries: delivery.attempt - 1))
    return .delivered
  }

  /// A message may have waited while its rollout was halted. What is offered is known in memory; where that knows nothing, as
  /// right after the offer was made, the target itself is looked at.
  private func isOffered(_ message: WebhookMessage) async throws -> Bool {
    if offers.isOffered(message.version, to: message.organization) { return true }
    let bucket = try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT bucket FROM gcc_deployment_target WHERE id = $1 AND \"offeredAt\" IS NOT NULL", [.text(message.target)]
      ).first?[0].text
    }
    return bucket.flatMap(TargetBucket.init(rawValue:)).map(OfferIndex.openBuckets.contains) ?? false
  }

  private func post(
    _ body: [UInt8], _ message: WebhookMessage, secret: String, id: String
  ) async throws -> SendAnswer {
    let request = HTTPRequest(
      method: "POST", url: message.endpoint,
      headers: [
        ("Content-Type", "application/json"),
        (WebhookSignature.header, WebhookSignature.signature(of: body, secret: secret)),
        (WebhookSignature.idHeader, id),
        (WebhookSignature.timestampHeader, String(now().microseconds / 1_000_000)),
      ], body: .bytes(body), timeout: Self.timeout, connectTimeout: .seconds(5),
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
