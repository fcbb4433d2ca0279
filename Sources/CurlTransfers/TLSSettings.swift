/// How the peer of a TLS connection is checked, and how the client proves itself.
///
/// Everything is PEM, in a file, which is read for each connection, or as text. Where both are set, the text counts.
public struct TLSSettings: Sendable, Hashable {
  /// A bundle in the place of the system's certificate authorities, none of which is trusted then.
  public var certificateAuthorityFile: String?
  public var certificateAuthorityPEM: String?
  public var clientCertificateFile: String?
  public var clientCertificatePEM: String?
  public var clientKeyFile: String?
  public var clientKeyPEM: String?
  /// Only for a server that the user named as insecure.
  public var isVerificationDisabled: Bool

  public init(
    certificateAuthorityFile: String? = nil, certificateAuthorityPEM: String? = nil,
    clientCertificateFile: String? = nil, clientCertificatePEM: String? = nil, clientKeyFile: String? = nil,
    clientKeyPEM: String? = nil, isVerificationDisabled: Bool = false
  ) {
    self.certificateAuthorityFile = certificateAuthorityFile
    self.certificateAuthorityPEM = certificateAuthorityPEM
    self.clientCertificateFile = clientCertificateFile
    self.clientCertificatePEM = clientCertificatePEM
    self.clientKeyFile = clientKeyFile
    self.clientKeyPEM = clientKeyPEM
    self.isVerificationDisabled = isVerificationDisabled
  }
}
