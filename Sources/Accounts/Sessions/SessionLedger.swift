public import Access
import Cryptography
public import Database
import Synchronization
public import WireFormats

/// A session as it is kept.
struct SessionRecord: Sendable, Hashable {
  var id: String
  var account: AdminAccount
  var headerToken: String
  var createdAt: Timestamp
  var lastUsedAt: Timestamp
  var authenticatedAt: Timestamp
}

/// The sessions of admins: known by the digest of their cookie, ended by time, by signing out, and with the account's rights.
public final class SessionLedger: SessionAuthenticator {
  /// Since it was used last, and since the person signed in.
  static let idleTimeout = Duration.seconds(30 * 60)
  static let lifetime = Duration.seconds(12 * 3600)
  /// How long a password or an identity provider's word is fresh enough for what needs one.
  static let recency = Duration.seconds(10 * 60)
  /// The most that one account has; the oldest ends where there would be more.
  static let maximumPerAccount = 10
  /// How long what was found is remembered; a session that was ended by another process ends with that.
  private static let memory = Duration.seconds(5)
  /// Times of use are written at most so often.
  private static let usePrecision = Duration.seconds(60)
  private static let maximumRemembered = 4096

  private struct Remembered {
    var record: SessionRecord
    var foundAt: Timestamp
  }

  private let database: any Database
  private let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  private let remembered = Mutex<[String: Remembered]>([:])

  public init(
    database: any Database, now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String
  ) {
    self.database = database
    self.now = now
    self.makeID = makeID
  }

  // MARK: Whose is it

  public func session(
    forToken token: String, isUse: Bool, mayLookUp: @Sendable () throws -> Void
  ) async throws -> Session? {
    guard TokenFormat.isWellFormedSession(token) else { return nil }
    let digest = Self.digest(token)
    let now = now()
    var found = remembered.withLock { $0[digest] }
    // A clock that was set back would have what is remembered hold for that long.
    if let known = found, now - known.foundAt >= Self.memory || known.foundAt > now { found = nil }
    if found == nil {
      try mayLookUp()
      guard let record = try await database.transaction(.read, { try Self.find(digest, in: $0) }) else {
        remembered.withLock { $0[digest] = nil }
        return nil
      }
      found = Remembered(record: record, foundAt: now)
    }
    guard var known = found, Self.isValid(known.record, at: now) else {
      remembered.withLock { $0[digest] = nil }
      return nil
    }
    if isUse, now - known.record.lastUsedAt >= Self.usePrecision {
      known.record.lastUsedAt = now
      _ = try await database.transaction(.write) { connection in
        try connection.execute(
          "UPDATE admin_session SET last_used_at = $2 WHERE digest = $1 AND last_used_at < $2",
          [.text(digest), .integer(now.microseconds)])
      }
    }
    remember(digest, known)
    return Self.session(known.record, at: now)
  }

  private func remember(_ digest: String, _ known: Remembered) {
    remembered.withLock { remembered in
      if remembered[digest] == nil, remembered.count >= Self.maximumRemembered { remembered = [:] }
      remembered[digest] = known
    }
  }

  static func isValid(_ record: SessionRecord, at now: Timestamp) -> Bool {
    record.account.state == .active && now < record.lastUsedAt + idleTimeout && now < record.createdAt + lifetime
      && record.createdAt <= now + idleTimeout
  }

  static func session(_ record: SessionRecord, at now: Timestamp) -> Session {
    let expiresAt = record.createdAt + lifetime
    return Session(
      id: record.id, identity: record.account.identity, headerToken: record.headerToken,
      authenticatedAt: record.authenticatedAt, isRecentlyAuthenticated: now < record.authenticatedAt + recency,
      idleAt: min(record.lastUsedAt + idleTimeout, expiresAt), expiresAt: expiresAt)
  }

  private static func digest(_ token: String) -> String { SHA256.digest(of: token).hexadecimal }

  private static func find(_ digest: String, in connection: any SQLConnection) throws -> SessionRecord? {
    try connection.query(
      """
      SELECT \(AdminAccount.columns(connection.dialect)), s.id, s.header_token, s.created_at, s.last_used_at, s.authenticated_at
      FROM admin_session AS s JOIN admin AS a ON a.id = s.admin_id WHERE s.digest = $1
      """, [.text(digest)]
    ).first.map { row in
      let place = row.values.count - 5
      func moment(_ index: Int) -> Timestamp { Timestamp(microseconds: row[place + index].integer ?? 0) }
      return SessionRecord(
        id: row[place].text ?? "", account: AdminAccount(row), headerToken: row[place + 1].text ?? "",
        createdAt: moment(2), lastUsedAt: moment(3), authenticatedAt: moment(4))
    }
  }

  // MARK: Beginning and ending, in a transaction; `forget` follows it

  /// - Returns: the secret of its cookie, and the session.
  func begin(
    _ account: AdminAccount, authenticatedAt: Timestamp, at now: Timestamp, in connection: any SQLConnection
  ) throws -> (secret: String, record: SessionRecord) {
    let secret = TokenFormat.makeSession()
    let record = SessionRecord(
      id: makeID(), account: account, headerToken: SecureRandom.token(), createdAt: now, lastUsedAt: now,
      authenticatedAt: authenticatedAt)
    // Those that are over, and of this account those that are too many.
    try connection.execute(
      "DELETE FROM admin_session WHERE created_at <= $1 OR last_used_at <= $2",
      [
        .integer((now + (.zero - Self.lifetime)).microseconds),
        .integer((now + (.zero - Self.idleTimeout)).microseconds),
      ])
    try connection.execute(
      """
      DELETE FROM admin_session WHERE admin_id = $1 AND digest NOT IN (
        SELECT digest FROM admin_session WHERE admin_id = $1
        ORDER BY created_at DESC, id LIMIT \(Self.maximumPerAccount - 1))
      """, [.text(account.id)])
    try connection.execute(
      """
      INSERT INTO admin_session (digest, id, admin_id, header_token, created_at, last_used_at, authenticated_at)
      VALUES ($1, $2, $3, $4, $5, $5, $6)
      """,
      [
        .text(Self.digest(secret)), .text(record.id), .text(account.id), .text(record.headerToken),
        .integer(now.microseconds), .integer(authenticatedAt.microseconds),
      ])
    return (secret, record)
  }

  /// The person has proved once more who they are.
  static func renew(id: String, at now: Timestamp, in connection: any SQLConnection) throws {
    try connection.execute(
      "UPDATE admin_session SET authenticated_at = $2, last_used_at = $2 WHERE id = $1",
      [.text(id), .integer(now.microseconds)])
  }

  static func end(id: String, in connection: any SQLConnection) throws {
    try connection.execute("DELETE FROM admin_session WHERE id = $1", [.text(id)])
  }

  /// - Parameter session: one that stays; nil for none.
  static func endAll(
    of accountID: String, except session: String? = nil, in connection: any SQLConnection
  ) throws {
    try connection.execute(
      "DELETE FROM admin_session WHERE admin_id = $1 AND id <> $2", [.text(accountID), .text(session ?? "")])
  }

  /// Of this process's memory, once sessions have ended.
  func forget(accountID: String) {
    remembered.withLock { $0 = $0.filter { $0.value.record.account.id != accountID } }
  }
}
