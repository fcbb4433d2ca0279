import Cryptography
import WireFormats

/// How a request to Azure's blob service is signed with an account's key ("Authorize with Shared Key", versions from 2015-02-21).
struct SharedKeySignature {
  var account: String
  var key: [UInt8]

  /// The value of `Authorization`.
  /// - Parameters:
  ///   - path: as it is sent: percent-encoded.
  ///   - query: names and values as they are meant.
  ///   - headers: with lower-case names; among them all that begin with `x-ms-`, and `x-ms-date` instead of a date.
  func authorization(
    signing method: String, path: String, query: [(name: String, value: String)],
    headers: [(name: String, value: String)], contentLength: Int
  ) -> String {
    let text = stringToSign(method, path, query, headers, contentLength)
    let code = HMACSHA256.authenticationCode(for: Array(text.utf8), key: key)
    return "SharedKey \(account):\(Base64.encode(code))"
  }

  private func stringToSign(
    _ method: String, _ path: String, _ query: [(name: String, value: String)],
    _ headers: [(name: String, value: String)], _ contentLength: Int
  ) -> String {
    func value(_ name: String) -> String { headers.first { $0.name == name }?.value ?? "" }
    var lines = [method, value("content-encoding"), value("content-language")]
    lines.append(contentLength == 0 ? "" : "\(contentLength)")
    lines += [
      "content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since",
      "range",
    ].map(value)
    lines += headers.filter { $0.name.hasPrefix("x-ms-") }.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value)" }
    lines.append("/\(account)\(path)")
    lines += query.sorted { $0.name < $1.name }.map { "\($0.name.lowercased()):\($0.value)" }
    return lines.joined(separator: "\n")
  }
}
