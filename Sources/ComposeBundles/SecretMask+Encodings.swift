import Cryptography
import WireFormats

extension SecretMask {
  /// What is shorter may stand in any text.
  private static let shortestEncoding = 8

  /// How others write a secret: in base64, also as a part of more, as the password in a `Basic` header is, and in a URL.
  static func encodings(of secret: String) -> [String] {
    let bytes = Array(secret.utf8)
    var forms: [String] = []
    for offset in 0..<3 {
      // The first and last characters hold bits of what stands beside the secret, too.
      let text = Base64.encode([UInt8](repeating: 0, count: offset) + bytes)
      let first = (offset * 8 + 5) / 6
      let last = (offset + bytes.count) * 8 / 6
      guard last - first >= shortestEncoding else { continue }
      let inner = String(text.dropFirst(first).prefix(last - first))
      forms += [inner, String(inner.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })]
    }
    let escaped = PercentEncoding.encode(secret)
    if escaped != secret { forms += [escaped, escaped.replacing("%20", with: "+")] }
    return forms
  }
}
