public import HTTPTransport

/// Where a resource API is served, and how its client proves who it is.
public struct APIEndpoint: Sendable {
  /// `http` or `https` URL without a query; paths such as `/apis/…` are appended.
  public var baseURL: String
  public var token: TokenSource
  public var tls: TLSSettings
  /// True where a token may travel without TLS to another machine, as in a network that is trusted.
  public var allowsInsecureHTTP: Bool

  public init(
    _ baseURL: String, token: TokenSource = .none, tls: TLSSettings = TLSSettings(), allowsInsecureHTTP: Bool = false
  ) {
    var url = baseURL
    while url.hasSuffix("/") { url.removeLast() }
    self.baseURL = url
    self.token = token
    self.tls = tls
    self.allowsInsecureHTTP = allowsInsecureHTTP
  }

  /// True where everybody between this machine and the server could read a token.
  public var isInsecure: Bool { !allowsInsecureHTTP && Self.leavesMachineUnencrypted(baseURL) }

  /// Whether a request to the URL goes over plain HTTP to anything but this machine itself. What is not certain to be a
  /// loopback address, such as a name that only looks like one, is another machine.
  public static func leavesMachineUnencrypted(_ url: String) -> Bool {
    let scheme = "http://"
    guard url.lowercased().hasPrefix(scheme) else { return false }
    let authority = url.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
    if authority.contains("@") { return true }
    if authority.hasPrefix("[") { return !(authority == "[::1]" || authority.hasPrefix("[::1]:")) }
    let host = authority.prefix { $0 != ":" }.lowercased()
    if host == "localhost" { return false }
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    return !(numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil })
  }

  /// The token to send; nil where there is none.
  /// - Throws: `ResourceClientError.credentials`, also where the token would travel unencrypted.
  public func bearerToken() throws(ResourceClientError) -> String? {
    guard let token = try token.read() else { return nil }
    if isInsecure {
      throw .credentials(
        "the token is not sent to \(baseURL): without TLS everybody on the way could read it; use https")
    }
    return token
  }
}
