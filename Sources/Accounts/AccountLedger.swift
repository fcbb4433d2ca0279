import Access
public import Audit
import Cryptography
public import Database
import ResourceModel
public import WireFormats

/// The table `admin`: who may sign in, and as what. Whoever is changed has to sign in anew.
public struct AccountLedger: Sendable {
  public static let maximumCount: Int64 = 1_000

  let database: any Database
  let sessions: SessionLedger
  let passwords: PasswordWork
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  public init(
    database: any Database, sessions: SessionLedger, passwords: PasswordWork, audit: AuditLedger,
    now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String
  ) {
    self.database = database
    self.sessions = sessions
    self.passwords = passwords
    self.audit = audit
    self.now = now
    self.makeID = makeID
  }

  /// A password for somebody who will set another.
  static func makePassword() -> String { Base64.encode(SecureRandom.bytes(count: 15), alphabet: .urlSafe) }

  /// - Parameter password: nil where one is to be made.
  /// - Returns: the account, and its password where one was made: nobody sees it again.
  /// - Throws: `StatusError` `conflict` where the address is taken.
  public func create(
    _ request: AccountRequest, password given: String? = nil, by actor: AuditActor
  ) async throws -> (account: AdminAccount, password: String?) {
    if let given, let problem = PasswordRules.problem(given, email: request.email) {
      throw StatusError(.invalid, "password: \(problem)")
    }
    let password = request.hasPassword ? given ?? Self.makePassword() : nil
    var digest: String?
    if let password { digest = try await passwords.digest(of: password).text }
    let (id, now, kept) = (makeID(), now(), digest)
    let account = try await database.transaction(.write) { connection in
      let count = try connection.query("SELECT count(*) FROM admin").first?[0].integer ?? 0
      guard count < Self.maximumCount else {
        throw StatusError(.forbidden, "exceeded quota: there are \(count) accounts already")
      }
      let time = connection.dialect.time("$6")
      let isNew =
        try connection.execute(
          """
          INSERT INTO admin (id, email, name, role, password, "createdAt", "updatedAt", "passwordChangedAt")
          VALUES ($1, $2, $3, $4, $5, \(time), \(time), \(time)) ON CONFLICT DO NOTHING
          """,
          [
            .text(id), .text(request.email), .text(request.name), .text(request.role.rawValue), SQLValue(kept),
            now.column,
          ]) > 0
      guard isNew, let account = try AdminAccount.find(id: id, in: connection) else {
        throw StatusError(.conflict, "there is an account with the address \(request.email) already")
      }
      try audit.record(
        [
          actor.entry(
            "AccountCreated", account.email,
            ["role": .string(account.role.rawValue), "signIn": account.password == nil ? "oidc" : "password"])
        ], in: connection)
      return account
    }
    return (account, given == nil ? password : nil)
  }

  /// - Returns: the account, and its new password where one was made.
  /// - Throws: `StatusError` `notFound`; `conflict` where nobody would be left who may do everything.
  public func change(
    _ which: Selector, _ change: AccountChange, password given: String? = nil, by actor: AuditActor
  ) async throws -> (account: AdminAccount, password: String?) {
    let password = change.resetsPassword ? given ?? Self.makePassword() : nil
    var digest: String?
    if let password { digest = try await passwords.digest(of: password).text }
    let (now, kept) = (now(), digest)
    let account = try await database.transaction(.write) { connection in
      let before = try Self.find(which, in: connection)
      if let given, let problem = PasswordRules.problem(given, email: before.email) {
        throw StatusError(.invalid, "password: \(problem)")
      }
      var after = before
      after.name = change.name ?? before.name
      after.role = change.role ?? before.role
      after.state = change.state ?? before.state
      after.password = kept ?? before.password
      if let provider = change.provider {
        (after.oidcIssuer, after.oidcSubject) = (provider?.issuer, provider?.subject)
      }
      if after.role != .admin || after.state != .active { try Self.requireAnother(than: before, in: connection) }
      let dialect = connection.dialect
      do {
        try connection.execute(
          """
          UPDATE admin SET name = $2, role = $3, state = $4, password = $5, "oidcIssuer" = $6, "oidcSubject" = $7,
            "updatedAt" = \(dialect.time("$8")),
            "passwordChangedAt" = \(kept == nil ? "\"passwordChangedAt\"" : dialect.time("$8"))
          WHERE id = $1
          """,
          [
            .text(before.id), .text(after.name), .text(after.role.rawValue), .text(after.state.rawValue),
            SQLValue(after.password), SQLValue(after.oidcIssuer), SQLValue(after.oidcSubject), now.column,
          ])
      } catch let error as DatabaseError where error.code == .uniqueViolation {
        throw StatusError(.conflict, "oidc: another account is linked to that subject of the identity provider")
      }
      var withoutName = after
      withoutName.name = before.name
      if withoutName != before { try SessionLedger.endAll(of: before.id, in: connection) }
      try audit.record(
        [actor.entry("AccountChanged", before.email, Self.difference(before, after))], in: connection)
      return after
    }
    sessions.forget(accountID: account.id)
    return (account, given == nil ? password : nil)
  }

  /// - Throws: as `change`.
  public func remove(_ which: Selector, by actor: AuditActor) async throws {
    let account = try await database.transaction(.write) { connection in
      let account = try Self.find(which, in: connection)
      try Self.requireAnother(than: account, in: connection)
      try SessionLedger.endAll(of: account.id, in: connection)
      try connection.execute("DELETE FROM admin WHERE id = $1", [.text(account.id)])
      try audit.record(
        [actor.entry("AccountRemoved", account.email, ["role": .string(account.role.rawValue)])], in: connection)
      return account
    }
    sessions.forget(accountID: account.id)
  }

  /// Somebody's own password; their other sessions end.
  /// - Parameter current: the password that the caller has shown to know, as it was kept.
  func setPassword(
    of account: AdminAccount, to password: String, session: String, by actor: AuditActor
  ) async throws {
    if let problem = PasswordRules.problem(password, email: account.email) {
      throw StatusError(.invalid, "newPassword: \(problem)")
    }
    let digest = try await passwords.digest(of: password).text
    let now = now()
    try await database.transaction(.write) { connection in
      let time = connection.dialect.time("$4")
      let changed = try connection.execute(
        """
        UPDATE admin SET password = $3, "passwordChangedAt" = \(time), "updatedAt" = \(time)
        WHERE id = $1 AND password = $2
        """, [.text(account.id), SQLValue(account.password), .text(digest), now.column])
      guard changed > 0 else { throw SignIn.refusal }
      try SessionLedger.endAll(of: account.id, except: session, in: connection)
      try SessionLedger.renew(id: session, at: now, in: connection)
      try audit.record([actor.entry("PasswordChanged", account.email)], in: connection)
    }
    sessions.forget(accountID: account.id)
  }

  /// By their ids.
  public func list(limit: Int, after: String?) async throws -> [AdminAccount] {
    try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(AdminAccount.columns(connection.dialect)) FROM admin AS a WHERE a.id > $1 ORDER BY a.id LIMIT $2",
        [.text(after ?? ""), .integer(Int64(limit))]
      ).map(AdminAccount.init)
    }
  }

  /// Which account is meant.
  public enum Selector: Sendable, Hashable {
    case id(String)
    case email(String)
  }

  func find(_ which: Selector) async throws -> AdminAccount {
    try await database.transaction(.write) { try Self.find(which, in: $0) }
  }

  private static func find(_ which: Selector, in connection: any SQLConnection) throws -> AdminAccount {
    let (found, name) =
      switch which {
      case .id(let id): (try AdminAccount.find(id: id, in: connection), id)
      case .email(let email): (try AdminAccount.find(email: email, in: connection), email)
      }
    guard let found else { throw StatusError(.notFound, "there is no account \"\(name.prefix(254))\"") }
    return found
  }

  /// Somebody must be left who can make accounts. The rows stay locked, so that two do not step back for each other.
  static func requireAnother(than account: AdminAccount, in connection: any SQLConnection) throws {
    guard account.role == .admin, account.state == .active else { return }
    let others = try connection.query(
      "SELECT a.id FROM admin AS a WHERE a.role = 'admin' AND a.state = 'active' ORDER BY a.id"
        + connection.dialect.forUpdate(of: "a"))
    guard others.contains(where: { $0[0].text != account.id }) else {
      throw StatusError(.conflict, "\(account.email) is the last active account of the role admin: make another first")
    }
  }

  private static func difference(_ before: AdminAccount, _ after: AdminAccount) -> JSONValue {
    var detail: JSONValue = [:]
    func note(_ name: String, _ old: String?, _ new: String?) {
      guard old != new else { return }
      detail[name] = ["from": old.map { .string($0) } ?? .null, "to": new.map { .string($0) } ?? .null]
    }
    note("name", before.name, after.name)
    note("role", before.role.rawValue, after.role.rawValue)
    note("state", before.state.rawValue, after.state.rawValue)
    note("oidcIssuer", before.oidcIssuer, after.oidcIssuer)
    note("oidcSubject", before.oidcSubject, after.oidcSubject)
    if before.password != after.password { detail["password"] = "reset" }
    return detail
  }
}
