import Cryptography
import FleetProtocol
import HTTPService
import HTTPTypes
import Hummingbird
import OfferPlanning
import ResourceModel
import Synchronization
import WireFormats

/// Where the vendor's server says that there is something new (spec §5.3). It needs no token: the signature says whose it is.
///
/// It is a hint, and nothing of it is believed but that it came: it wakes the poller, which asks with this customer's key. So
/// an acknowledgement that was lost, a webhook that was repeated and one that never came lead to the same.
struct WebhookEndpoint: Sendable {
  static let path = "/api/deployment/webhook"
  static let maximumBodyBytes = 64 << 10
  /// How far the vendor's clock and this one may be apart.
  static let tolerance: Duration = .seconds(300)

  /// Reads the secret; nil: none are taken. Asked at most once a second, however many webhooks come.
  let secret: @Sendable () -> String?
  /// Why none is taken now, as the answer says it, such as `License expired`; nil where it is.
  let refusal: @Sendable () async -> String?
  let now: @Sendable () -> Timestamp
  /// Wakes what fetches the offer.
  let received: @Sendable () -> Void
  private let memory = Memory()
  /// From one address: a vendor's server sends one in days. What comes beyond is refused unread, by the front.
  static let allowance = ServiceConfiguration.Allowance(rate: 200, burst: 2000)

  private final class Memory: Sendable {
    let deliveries = Mutex(DeliveryMemory())
    let secret = Mutex<(value: String?, readAt: Timestamp)?>(nil)
  }

  init(
    secret: @escaping @Sendable () -> String?, now: @escaping @Sendable () -> Timestamp,
    refusal: @escaping @Sendable () async -> String?,
    received: @escaping @Sendable () -> Void
  ) {
    self.secret = secret
    self.now = now
    self.refusal = refusal
    self.received = received
  }

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(RouterPath(Self.path), [.post: { request, _ in try await answer(request) }])
  }

  private func answer(_ request: Request) async throws -> Response {
    guard let secret = presentSecret() else {
      throw StatusError(
        .serviceUnavailable,
        "no webhooks are taken here: set WRKTALK_WEBHOOK_SECRET to the secret that the vendor signs with; releases come by "
          + "poll until then")
    }
    // Before anything of the body is read.
    guard let signature = Self.header(WebhookSignature.header, request), Self.isSignature(signature) else {
      throw Self.unauthorized
    }
    let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyBytes)
    guard WebhookSignature.isValid(signature, of: body, secret: secret) else { throw Self.unauthorized }
    if let refusal = await refusal() { throw StatusError(.forbidden, refusal) }
    try checkTime(request)
    // Programs that know only the specification send no id: then the same body is the same delivery.
    let id =
      Self.header(WebhookSignature.idHeader, request).map { String($0.prefix(128)) }
      ?? SHA256.digest(of: body).hexadecimal
    let isNew = memory.deliveries.withLock { $0.insert(id) }
    if isNew { received() }
    return .json(["received": true])
  }

  private func presentSecret() -> String? {
    let now = now()
    return memory.secret.withLock { known in
      if let known, now - known.readAt < .seconds(1), known.readAt <= now { return known.value }
      let value = secret()
      known = (value, now)
      return value
    }
  }

  /// Programs that know only the specification send no time.
  private func checkTime(_ request: Request) throws(StatusError) {
    guard let text = Self.header(WebhookSignature.timestampHeader, request) else { return }
    guard let seconds = Int64(text) else {
      throw StatusError(.badRequest, "\(WebhookSignature.timestampHeader): must be seconds since 1970")
    }
    let now = now()
    let difference = now - Timestamp(seconds: seconds)
    guard difference <= Self.tolerance, difference >= .zero - Self.tolerance else {
      throw StatusError(
        .badRequest,
        "the webhook was sent at \(Timestamp(seconds: seconds)), and it is \(now.wholeSeconds) here: more than five minutes "
          + "apart; set the clocks")
    }
  }

  private static var unauthorized: StatusError {
    StatusError(.unauthorized, "the signature is not that of this body: compare the webhook's secret on both sides")
  }

  /// 64 hexadecimal digits, whatever stands before them.
  private static func isSignature(_ text: String) -> Bool {
    let digits = text.utf8.count == 71 && text.lowercased().hasPrefix("sha256=") ? text.dropFirst(7) : text[...]
    return digits.utf8.count == 64
      && digits.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
      }
  }

  private static func header(_ name: String, _ request: Request) -> String? {
    HTTPField.Name(name).flatMap { request.headers[$0] }
  }
}
