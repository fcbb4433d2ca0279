public import Access
public import HTTPService
public import Hummingbird
public import ResourceModel

/// What one program says of the people who sign in at it.
public struct AccountRules: Sendable {
  /// What people may be, from the most to the least; whoever is `Role.admin` makes accounts.
  public var roles: [Role]
  /// Who may do what; it defines every role of `roles`.
  public var policy: AccessPolicy
  /// Of the session's cookie, and the beginning of the names of the others: servers that share a host's name need different ones.
  public var cookieName: String
  /// What the names of its settings begin with, such as `WRKTALK_`.
  public var settingPrefix: String

  public init(roles: [Role], policy: AccessPolicy, cookieName: String, settingPrefix: String) {
    self.roles = roles
    self.policy = policy
    self.cookieName = cookieName
    self.settingPrefix = settingPrefix
  }

  var cookie: SecureCookie { SecureCookie(cookieName) }
  var deviceCookie: SecureCookie { SecureCookie("\(cookieName)-device") }
  var flowCookie: SecureCookie { SecureCookie("\(cookieName)-oidc") }

  func role(_ word: String) -> Role? { roles.first { $0.rawValue == word } }

  /// `admin, operator, viewer`
  var roleNames: String { roles.map(\.rawValue).joined(separator: ", ") }
}

extension AccessPolicy {
  /// Who calls an endpoint beside the resource API, once the table of rights lets them.
  /// - Throws: `unauthorized` without a token; `forbidden` where the caller's role does not let it.
  @discardableResult
  public func requireCaller(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Caller {
    let caller = try context.requireCaller()
    try require(caller, request)
    return caller
  }

  func require(_ caller: Caller, _ request: Request) throws(StatusError) {
    let verb = request.method.rawValue.lowercased()
    guard allows(caller.identity, verb: verb, path: request.uri.path) else {
      throw AccessPolicy.forbidden(caller.identity, verb: verb, path: request.uri.path)
    }
  }
}
