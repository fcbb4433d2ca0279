public import Access
import Cryptography
import HTTPTypes
public import Hummingbird
public import ResourceModel

/// How a server takes sessions of people beside tokens: by a cookie, and for every change a header token and the right `Origin`.
public struct SessionRule: Sendable {
  /// The header that carries `Session.headerToken`.
  public static let headerTokenName = "X-WrkTalk-CSRF"

  /// The header by which a page says that it asks by itself, and not for a person who does something.
  public static let unattendedName = "X-WrkTalk-Unattended"

  public var authenticator: any SessionAuthenticator
  public var cookie: SecureCookie
  public var origins: OriginRule
  /// Which setting says how browsers address the server.
  public var originSetting: String
  /// Whether a request is what a person asks for just now, and prolongs the session.
  public var isUse: @Sendable (Request) -> Bool

  public init(
    authenticator: any SessionAuthenticator, cookie: SecureCookie = SecureCookie("wrktalk"),
    origins: OriginRule = OriginRule(), originSetting: String = "WRKTALK_EXTERNAL_URL",
    isUse: @escaping @Sendable (Request) -> Bool = { _ in true }
  ) {
    self.authenticator = authenticator
    self.cookie = cookie
    self.origins = origins
    self.originSetting = originSetting
    self.isUse = isUse
  }

  /// Whether a person asks: a page that watches, or looks again and again, keeps nobody signed in.
  @Sendable public static func isAttended(_ request: Request) -> Bool {
    header(unattendedName, of: request) == nil
      && !(request.uri.query ?? "").split(separator: "&").contains { $0 == "watch" || $0.hasPrefix("watch=") }
  }

  /// Refuses what a page of another origin sends, before anything is looked up.
  /// - Throws: `forbidden`.
  public func requireOrigin(_ request: Request, isDemanded: Bool = true) throws(StatusError) {
    // Browsers that say where a request comes from say so of every one, GET included.
    if let site = Self.header("Sec-Fetch-Site", of: request), site != "same-origin", site != "none" {
      throw StatusError(.forbidden, "a page of another origin sends this request")
    }
    guard Self.changes(request) else { return }
    guard let origin = Self.header("Origin", of: request) else {
      guard isDemanded else { return }
      throw StatusError(.forbidden, "a request with the cookie of a session that changes something needs Origin")
    }
    guard origins.allows(origin, host: request.head.authority) else {
      throw StatusError(
        .forbidden,
        "the origin \"\(origin.prefix(100))\" is not this server's, which is addressed as "
          + "\"\((request.head.authority ?? "").prefix(100))\"; pages need https, but for localhost; where a proxy changes "
          + "the name, set \(originSetting)")
    }
  }

  /// - Throws: `forbidden` where a changing request does not bring the session's header token.
  func requireHeaderToken(_ request: Request, _ session: Session) throws(StatusError) {
    guard Self.changes(request) else { return }
    let given = Self.header(Self.headerTokenName, of: request) ?? ""
    guard ConstantTime.areEqual(given, session.headerToken) else {
      throw StatusError(
        .forbidden,
        "a session changes something only with its header token, \(Self.headerTokenName): signing in answers it")
    }
  }

  private static func changes(_ request: Request) -> Bool {
    request.method != .get && request.method != .head && request.method != .options
  }

  private static func header(_ name: String, of request: Request) -> String? {
    HTTPField.Name(name).flatMap { request.headers[$0] }
  }
}
