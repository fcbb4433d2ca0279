import Cryptography
import HTTPTransport
import ProgramConfiguration
import ResourceClient

extension KubeconfigEntry {
  /// Where this cluster's API server is, and how it proves itself.
  func endpoint(readFile: (String) -> String?) throws(ConfigurationError) -> APIEndpoint {
    guard let server = try text("server") else { throw failure("server", "is missing: give the API server's URL") }
    guard ["http://", "https://"].contains(where: { server.hasPrefix($0) && server.count > $0.count }),
      !server.contains(where: { $0.isWhitespace || $0 == "@" || $0 == "?" || $0 == "#" })
    else { throw failure("server", "must be an http or https URL without a user, a password and a query") }
    for (field, advice) in Self.unsupported where has(field) { throw failure(field, advice) }
    var tls = TLSSettings()
    try setPEM(
      "certificate-authority", &tls.certificateAuthorityFile, &tls.certificateAuthorityPEM, readFile: readFile)
    if try flag("insecure-skip-tls-verify") {
      guard tls == TLSSettings() else {
        throw failure("insecure-skip-tls-verify", "cannot be true where there is a certificate-authority; remove one")
      }
      tls.isVerificationDisabled = true
    }
    return APIEndpoint(server, tls: tls)
  }

  private static let unsupported = [
    ("proxy-url", "is not supported: name the proxy in the environment variable https_proxy"),
    ("tls-server-name", "is not supported: name the server by a name that is in its certificate"),
  ]

  /// Takes PEM from the field `field`, a path, or `field-data`, base64, which counts more.
  func setPEM(
    _ field: String, _ file: inout String?, _ pem: inout String?, readFile: (String) -> String?
  ) throws(ConfigurationError) {
    let dataField = "\(field)-data"
    if let data = try text(dataField) {
      let bytes = Base64.decode(String(data.filter { !$0.isWhitespace }))
      guard let bytes, let text = String(validating: bytes, as: UTF8.self), text.contains("-----BEGIN ") else {
        throw failure(dataField, "must be PEM in base64, as kubectl writes it")
      }
      pem = text
    } else if let path = try filePath(field) {
      guard let text = readFile(path) else {
        throw failure(field, "names \(path), which cannot be read: check that it exists and who may read it")
      }
      guard text.contains("-----BEGIN ") else { throw failure(field, "names \(path), which is no PEM file") }
      file = path
    }
  }
}
