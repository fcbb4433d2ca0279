import HTTPTransport
import ProgramConfiguration
import ResourceClient

extension KubeconfigEntry {
  /// Lets the endpoint's requests be those of this user.
  func prove(
    _ endpoint: inout APIEndpoint, readFile: (String) -> String?
  ) throws(ConfigurationError) {
    for (field, advice) in Self.unsupported where has(field) { throw failure(field, advice) }
    if let path = try filePath("tokenFile") {
      endpoint.token = .file(path: path)
    } else if let token = try text("token") {
      endpoint.token = .fixed(token)
    }
    let (certificate, key) = ("client-certificate", "client-key")
    try setPEM(
      certificate, &endpoint.tls.clientCertificateFile, &endpoint.tls.clientCertificatePEM, readFile: readFile)
    try setPEM(key, &endpoint.tls.clientKeyFile, &endpoint.tls.clientKeyPEM, readFile: readFile)
    let tls = endpoint.tls
    let hasCertificate = tls.clientCertificateFile != nil || tls.clientCertificatePEM != nil
    let hasKey = tls.clientKeyFile != nil || tls.clientKeyPEM != nil
    switch (hasCertificate, hasKey) {
    case (true, false): throw failure(key, "is missing, though there is a \(certificate)")
    case (false, true): throw failure(certificate, "is missing, though there is a \(key)")
    case (true, true), (false, false): break
    }
  }

  private static let instead =
    "is not supported: give the user a token, a tokenFile or a client-certificate, such as a service account's token"

  /// In the order in which they are looked for.
  private static let unsupported = [
    ("exec", "(a credential plugin) \(instead)"), ("auth-provider", instead), ("username", "and password \(instead)"),
    ("as", "(impersonation) is not supported: give the user's own credentials"),
  ]
}
