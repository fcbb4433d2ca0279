public import WireFormats

/// A person who signed in, as long as that lasts.
public struct Session: Sendable, Hashable {
  /// Names it where it is ended; no secret.
  public var id: String
  public var identity: Identity
  /// What every changing request brings in a header beside the cookie: who has the cookie alone changes nothing.
  public var headerToken: String
  /// When the person last proved who they are.
  public var authenticatedAt: Timestamp
  /// Whether that is recent enough for what is not done by a session that somebody left open.
  public var isRecentlyAuthenticated: Bool
  /// When it ends where it is not used meanwhile, and in any case.
  public var idleAt: Timestamp
  public var expiresAt: Timestamp

  public init(
    id: String, identity: Identity, headerToken: String, authenticatedAt: Timestamp, isRecentlyAuthenticated: Bool,
    idleAt: Timestamp, expiresAt: Timestamp
  ) {
    self.id = id
    self.identity = identity
    self.headerToken = headerToken
    self.authenticatedAt = authenticatedAt
    self.isRecentlyAuthenticated = isRecentlyAuthenticated
    self.idleAt = idleAt
    self.expiresAt = expiresAt
  }
}

/// Turns the secret of a session's cookie into the session.
public protocol SessionAuthenticator: Sendable {
  /// - Parameters:
  ///   - isUse: false for what a person has not asked for just now; it does not prolong the session.
  ///   - mayLookUp: as in `Authenticator`.
  /// - Returns: nil where there is no such session, or it has ended.
  /// - Throws: where the answer cannot be had now.
  func session(
    forToken token: String, isUse: Bool, mayLookUp: @Sendable () throws -> Void
  ) async throws -> Session?
}
