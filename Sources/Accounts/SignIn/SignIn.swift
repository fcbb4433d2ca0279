import Access
import Audit
import Cryptography
import Database
import Mail
import ResourceModel
import WireFormats

/// Lets people in by their passwords. What it answers, and after what time, is the same for an address that nobody has.
struct SignIn: Sendable {
  /// From where somebody tries.
  struct Attempt: Sendable, Hashable {
    var address: String
    /// See `ServiceContext.peerKey`.
    var addressKey: String
    var device: KnownDevice?
  }

  struct Entered: Sendable {
    var secret: String
    var record: SessionRecord
    var device: KnownDevice
  }

  static let refusal = StatusError(.unauthorized, "the email address or the password is wrong")

  let database: any Database
  let sessions: SessionLedger
  let passwords: PasswordWork
  let audit: AuditLedger
  /// Attempts from browsers that are not known: from everywhere together, and what one address may take of that.
  let unknownBrowsers: RateLimiter
  let unknownBrowsersOfAddress: RateLimiter
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  init(
    database: any Database, sessions: SessionLedger, passwords: PasswordWork, audit: AuditLedger,
    now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String
  ) {
    self.database = database
    self.sessions = sessions
    self.passwords = passwords
    self.audit = audit
    self.now = now
    self.makeID = makeID
    unknownBrowsers = RateLimiter(rate: 10, burst: 100)
    unknownBrowsersOfAddress = RateLimiter(rate: 2, burst: 50)
  }

  /// - Throws: `unauthorized`, `tooManyRequests`, `serviceUnavailable`.
  func enter(email: String, password: String, from attempt: Attempt) async throws -> Entered {
    let now = now()
    let (account, keys) = try await check(password, email: email, from: attempt, now: now)
    let upgrade = try await upgradedDigest(account, password)
    let entered = try await database.transaction(.write) { connection in
      // What was checked may be another's by now.
      guard var present = try AdminAccount.find(id: account.id, in: connection), present.state == .active,
        present.password == account.password
      else { throw Self.refusal }
      try SignInThrottle.forgive(Array(keys.keys), in: connection)
      present.password = upgrade ?? present.password
      return try begin(
        present, attempt, detail: ["by": "password", "failuresBefore": .integer(keys.values.max() ?? 0)], now: now,
        in: connection)
    }
    return entered
  }

  /// The rest of signing in, by whatever way.
  /// - Parameter authenticatedAt: when the person proved who they are; nil for now.
  func begin(
    _ account: AdminAccount, _ attempt: Attempt, detail: JSONValue, authenticatedAt: Timestamp? = nil, now: Timestamp,
    in connection: any SQLConnection
  ) throws -> Entered {
    try connection.execute(
      "UPDATE admin SET \"lastSignInAt\" = \(connection.dialect.time("$2")), password = $3 WHERE id = $1",
      [.text(account.id), now.column, SQLValue(account.password)])
    let (secret, record) = try sessions.begin(account, authenticatedAt: authenticatedAt ?? now, at: now, in: connection)
    let known = attempt.device.flatMap { $0.accountID == account.id ? $0 : nil }
    try audit.record(
      [
        AuditActor(name: account.email, roles: account.role.rawValue, address: attempt.address)
          .entry("SignedIn", account.email, detail)
      ], in: connection)
    return Entered(secret: secret, record: record, device: known ?? KnownDevice(accountID: account.id, id: makeID()))
  }

  /// For somebody who is signed in and proves it once more.
  /// - Throws: as `enter`.
  func reauthenticate(_ session: Session, password: String, from attempt: Attempt) async throws {
    let now = now()
    let (account, keys) = try await check(password, email: session.identity.name, from: attempt, now: now)
    try await database.transaction(.write) { connection in
      try SignInThrottle.forgive(Array(keys.keys), in: connection)
      try SessionLedger.renew(id: session.id, at: now, in: connection)
    }
    sessions.forget(accountID: account.id)
  }

  /// - Returns: the account, and what the attempt was counted by with the failures before it.
  func check(
    _ password: String, email: String, from attempt: Attempt, now: Timestamp
  ) async throws -> (account: AdminAccount, keys: [SignInThrottle.Key: Int64]) {
    let address = MailAddress(email)?.address
    let (account, before) = try await database.transaction(.write) {
      connection -> (AdminAccount?, [SignInThrottle.Key: Int64]) in
      let account = try address.flatMap { try AdminAccount.find(email: $0, in: connection) }
      if let account, let device = attempt.device, device.accountID == account.id {
        return (account, try SignInThrottle.begin([.device(device.id)], now: now, in: connection))
      }
      // Who has to wait takes nothing of what all unknown browsers share.
      let keys: [SignInThrottle.Key] = [.account(email: email), .address(attempt.addressKey)]
      let before = try SignInThrottle.begin(keys, now: now, in: connection)
      try takeShare(ofAddress: attempt.addressKey)
      return (account, before)
    }
    let isRight: Bool
    do {
      isRight = try await passwords.isRight(password, for: account?.password)
    } catch {
      // It was not looked at, so it was not wrong.
      try await database.transaction(.write) { try SignInThrottle.takeBack(Array(before.keys), in: $0) }
      throw error
    }
    guard isRight, let account, account.state == .active else {
      try await auditFailure(account, before, attempt)
      throw Self.refusal
    }
    return (account, before)
  }

  /// - Throws: `tooManyRequests` where too many browsers that are not known sign in.
  func takeShare(ofAddress addressKey: String) throws(StatusError) {
    guard
      let wait = unknownBrowsersOfAddress.take(for: addressKey) ?? unknownBrowsers.take(for: "")
    else { return }
    throw StatusError(
      .tooManyRequests, "too many people sign in at this moment, please try again",
      retryAfterSeconds: max(1, Int((wait / .seconds(1)).rounded(.up))))
  }

  /// One entry for a burst: its first failure. Those of names that nobody has count by address; what was typed is not kept, which might
  /// be a password.
  private func auditFailure(
    _ account: AdminAccount?, _ before: [SignInThrottle.Key: Int64], _ attempt: Attempt
  ) async throws {
    let isFirst = before.contains { key, count in
      switch key {
      case .device, .account: account != nil && count == 0
      case .address, .provider: account == nil && count == 0
      }
    }
    guard isFirst else { return }
    let entry = AuditActor(name: account?.email ?? "", address: attempt.address)
      .entry("SignInFailed", account?.email ?? "", ["account": account.map { .string($0.state.rawValue) } ?? "unknown"])
    try await database.transaction(.write) { try audit.record([entry], in: $0) }
  }

  /// With today's costs, where the kept digest has smaller ones.
  private func upgradedDigest(_ account: AdminAccount, _ password: String) async throws -> String? {
    guard let cost = account.password.flatMap({ PasswordDigest(text: $0) })?.cost, cost != passwords.cost else {
      return nil
    }
    return try await passwords.digest(of: password).text
  }
}
