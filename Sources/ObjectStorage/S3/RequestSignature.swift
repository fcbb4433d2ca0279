import Cryptography
import WireFormats

/// AWS Signature Version 4 in the form for single requests with an `Authorization` header.
struct RequestSignature {
  var credentials: S3Credentials
  var region: String
  var service = "s3"

  /// The header fields to send with the request, `headers` among them.
  ///
  /// - Parameters:
  ///   - path: As it is sent: percent-encoded.
  ///   - query: Names and values as they are meant; `queryText` writes them.
  ///   - headers: All of them are signed; `host` must be there.
  func headers(
    signing method: String, path: String, query: [(name: String, value: String)],
    headers: [(name: String, value: String)], payload: SHA256Digest, at moment: Timestamp
  ) -> [(name: String, value: String)] {
    let time = Self.basicFormat(moment)
    let day = String(time.prefix(8))
    var headers = headers
    headers.append(("x-amz-date", time))
    if service == "s3" { headers.append(("x-amz-content-sha256", payload.hexadecimal)) }
    if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }

    let signed = headers.map { (name: $0.name.lowercased(), value: Self.collapsed($0.value)) }
      .sorted { $0.name < $1.name }
    let names = signed.map(\.name).joined(separator: ";")
    let request = [
      method, path, Self.queryText(query), signed.map { "\($0.name):\($0.value)\n" }.joined(), names,
      payload.hexadecimal,
    ].joined(separator: "\n")

    let scope = "\(day)/\(region)/\(service)/aws4_request"
    let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(SHA256.digest(of: request).hexadecimal)"
    var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
    for part in [day, region, service, "aws4_request"] {
      key = HMACSHA256.authenticationCode(for: Array(part.utf8), key: key)
    }
    let signature = Hexadecimal.encode(HMACSHA256.authenticationCode(for: Array(text.utf8), key: key))
    headers.append(
      (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
      ))
    return headers
  }

  /// The query as it is signed and sent: sorted and percent-encoded.
  static func queryText(_ query: [(name: String, value: String)]) -> String {
    query.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
      .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
      .map { "\($0.0)=\($0.1)" }
      .joined(separator: "&")
  }

  /// `20150830T123600Z`.
  static func basicFormat(_ moment: Timestamp) -> String {
    moment.wholeSeconds.description.filter { $0 != "-" && $0 != ":" }
  }

  private static func collapsed(_ value: String) -> String {
    value.split(separator: " ").joined(separator: " ")
  }
}
