import Cryptography

/// How a webhook proves that it is the vendor's (spec §5.2): `X-Webhook-Signature` is the HMAC-SHA256 of the exact body with the
/// customer's secret, as hexadecimal digits.
public enum WebhookSignature {
  public static let header = "X-Webhook-Signature"
  /// The same for every attempt to deliver one webhook, so that the receiver knows a repetition.
  public static let idHeader = "X-Webhook-Id"
  /// Seconds since 1970, of the attempt.
  public static let timestampHeader = "X-Webhook-Timestamp"

  public static func signature(of body: [UInt8], secret: String) -> String {
    Hexadecimal.encode(HMACSHA256.authenticationCode(for: body, key: Array(secret.utf8)))
  }

  /// In constant time. Hexadecimal digits may be of either case, and `sha256=` may stand before them, as other senders write
  /// it.
  public static func isValid(_ signature: String, of body: [UInt8], secret: String) -> Bool {
    let digits = signature.lowercased()
    guard let code = Hexadecimal.decode(digits.hasPrefix("sha256=") ? String(digits.dropFirst(7)) : digits) else {
      return false
    }
    return HMACSHA256.isValid(code, for: body, key: Array(secret.utf8))
  }
}
