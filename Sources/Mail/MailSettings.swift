import Addresses
public import CurlTransfers
import WireFormats

/// The SMTP server that takes a program's mails, and how the program proves itself to it.
public struct MailSettings: Sendable, Hashable {
  public enum Security: String, Sendable, Hashable, CaseIterable {
    /// The connection begins in the clear and must become a TLS one before anything is said on it.
    case startTLS = "starttls"
    /// TLS from the first byte.
    case tls = "tls"
    /// None: for a server on this machine or in this network that trusts its neighbours.
    case none = "none"

    /// The port that servers use for it.
    public var defaultPort: UInt16 {
      switch self {
      case .startTLS: 587
      case .tls: 465
      case .none: 25
      }
    }
  }

  public struct Credentials: Sendable, Hashable {
    public var user: String
    public var password: String

    public init(user: String, password: String) {
      self.user = user
      self.password = password
    }
  }

  public let host: String
  public let port: UInt16
  public let security: Security
  public let credentials: Credentials?
  public let tls: TLSSettings
  /// How the program greets the server.
  public let clientName: String
  /// From the call to the server's acknowledgement.
  public let timeout: Duration

  /// - Parameters:
  ///   - host: a name, or an address.
  ///   - port: nil for the usual one.
  ///   - clientName: a domain name; some servers want the one that belongs to this machine's address.
  /// - Throws: for what cannot be used, among it credentials that would go over the network in the clear.
  public init(
    host: String, port: UInt16? = nil, security: Security = .startTLS, credentials: Credentials? = nil,
    tls: TLSSettings = TLSSettings(), clientName: String = "localhost", timeout: Duration = .seconds(30)
  ) throws(MailSettingsError) {
    let isAddress = IPAddress(host) != nil
    guard isAddress || MailAddress.isDomain(host[...]) else { throw .invalidHost(host) }
    guard MailAddress.isDomain(clientName[...]) else { throw .invalidClientName(clientName) }
    if let credentials {
      guard !credentials.user.isEmpty, !credentials.user.utf8.contains(0), !credentials.password.utf8.contains(0) else {
        throw .invalidCredentials
      }
      let isLocal = host == "localhost" || IPAddress(host).map { Self.loopback.contains($0) } ?? false
      guard security != .none || isLocal else { throw .credentialsInTheClear(host: host) }
    }
    self.host = host
    self.port = port ?? security.defaultPort
    self.security = security
    self.credentials = credentials
    self.tls = tls
    self.clientName = clientName
    self.timeout = timeout
  }

  private static let loopback: Set<IPAddress> = Set(["127.0.0.1", "::1"].compactMap { IPAddress($0) })

  /// The host as a URL has it.
  var urlHost: String { if case .v6 = IPAddress(host) { "[\(host)]" } else { host } }
}

/// Why settings cannot be used.
public enum MailSettingsError: Error, Sendable, Hashable, CustomStringConvertible {
  case invalidHost(String)
  case invalidClientName(String)
  case invalidCredentials
  case credentialsInTheClear(host: String)

  public var description: String {
    switch self {
    case .invalidHost(let host): "the SMTP host is neither a host name nor an IP address: \(host)"
    case .invalidClientName(let name): "the name to greet the SMTP server with is not a domain name: \(name)"
    case .invalidCredentials: "the SMTP user is empty, or the user or password holds the character NUL"
    case .credentialsInTheClear(let host):
      "the SMTP user and password would go to \(host) unencrypted: choose starttls or tls"
    }
  }
}
