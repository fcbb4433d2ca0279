import Access
public import Audit
public import Cryptography
public import Database
public import HTTPService
public import HTTPTransport
public import Hummingbird
public import Logging
public import WireFormats

/// The people of one program, over its database: who they are, how they sign in, and what is audited.
public struct AccountService: Sendable {
  /// See `ServiceConfiguration.openPaths`.
  public static let openPaths = SessionEndpoints.openPaths

  /// How the program's front takes people's sessions.
  public let sessions: SessionRule
  public let accounts: AccountLedger
  let sessionEndpoints: SessionEndpoints
  private let oidcEndpoints: OIDCEndpoints
  private let accountEndpoints: AccountEndpoints
  private let auditEndpoints: AuditEndpoints

  /// - Parameters:
  ///   - box: seals cookies.
  ///   - externalURL: how browsers address the server, where a proxy changes the name.
  ///   - http: to the identity provider.
  public init(
    _ rules: AccountRules, database: any Database, audit: AuditLedger, box: AES256GCM, passwords: PasswordWork,
    oidc: OIDCConfiguration?, externalURL: String?, http: HTTPClient, now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    let ledger = SessionLedger(database: database, now: now, makeID: makeID)
    sessions = SessionRule(
      authenticator: ledger, cookie: rules.cookie,
      origins: OriginRule(others: Set(externalURL.map { [$0] } ?? [])),
      originSetting: "\(rules.settingPrefix)EXTERNAL_URL",
      isUse: SessionRule.isAttended)
    accounts = AccountLedger(
      database: database, sessions: ledger, passwords: passwords, audit: audit, now: now, makeID: makeID)
    accountEndpoints = AccountEndpoints(accounts: accounts, rules: rules)
    let signIn = SignIn(
      database: database, sessions: ledger, passwords: passwords, audit: audit, now: now, makeID: makeID)
    sessionEndpoints = SessionEndpoints(
      signIn: signIn, accounts: accounts, rules: rules, rule: sessions, box: box, now: now)
    oidcEndpoints = OIDCEndpoints(
      oidc: oidc.map {
        OIDCSignIn(provider: OIDCProvider($0, http: http, now: now, logger: logger), signIn: signIn)
      }, sessions: sessionEndpoints)
    auditEndpoints = AuditEndpoints(database: database, policy: rules.policy)
  }

  public func addRoutes(to router: Router<ServiceContext>) {
    sessionEndpoints.addRoutes(to: router)
    oidcEndpoints.addRoutes(to: router)
    accountEndpoints.addRoutes(to: router)
    auditEndpoints.addRoutes(to: router)
  }
}
