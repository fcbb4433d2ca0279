public import HTTPTypes
public import Hummingbird

/// A cookie that no script reads, no other site sends and no other host sets: `__Host-NAME` (RFC 6265bis §4.1.3). Where only this
/// machine is addressed, and without TLS, it has neither that prefix nor `Secure`.
public struct SecureCookie: Sendable, Hashable {
  public var name: String

  public init(_ name: String) { self.name = name }

  /// The value that the request brings; nil where it brings none, or one that others than this host may have set.
  public func value(in request: Request) -> String? {
    let names = ["__Host-\(name)"] + (OriginRule.isLoopback(request.head.authority) ? [name] : [])
    let cookies = request.headers[values: .cookie].flatMap { $0.split(separator: ";") }
    for name in names {
      for cookie in cookies {
        let pair = cookie.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2, pair[0].drop(while: { $0 == " " }) == name, !pair[1].isEmpty { return String(pair[1]) }
      }
    }
    return nil
  }

  /// - Parameters:
  ///   - value: characters of cookies only; empty to remove it.
  ///   - lifetime: nil until the browser is closed.
  public func field(_ value: String, lifetime: Duration? = nil, answering request: Request) -> HTTPField {
    let origin = HTTPField.Name("Origin").flatMap { request.headers[$0] } ?? ""
    let isPlain = OriginRule.isLoopback(request.head.authority) && !origin.lowercased().hasPrefix("https://")
    var text = (isPlain ? "" : "__Host-") + "\(name)=\(value); Path=/; HttpOnly; SameSite=Strict"
    if !isPlain { text += "; Secure" }
    if let lifetime = value.isEmpty ? .zero : lifetime { text += "; Max-Age=\(lifetime.components.seconds)" }
    return HTTPField(name: .setCookie, value: text)
  }
}
