public import HTTPTransport

/// Where a resource API is served, and how its client proves who it is.
public struct APIEndpoint: Sendable {
  /// `http` or `https` URL without a query; paths such as `/apis/…` are appended.
  public var baseURL: String
  public var token: TokenSource
  public var tls: TLSSettings

  public init(_ baseURL: String, token: TokenSource = .none, tls: TLSSettings = TLSSettings()) {
    var url = baseURL
    while url.hasSuffix("/") { url.removeLast() }
    self.baseURL = url
    self.token = token
    self.tls = tls
  }
}
