public import Access
public import Hummingbird
public import ResourceModel

/// What a request carries through the front to its endpoint.
public struct ServiceContext: RequestContext {
  public var coreContext: CoreRequestContextStorage
  /// The address of the client, as numbers; by a trusted proxy, of whom it speaks for.
  public internal(set) var peer: String?
  public let connection: ClientConnection
  /// Who sent the request; nil under paths that need no token.
  public internal(set) var caller: Caller?
  /// Finds out who sends a request under such a path.
  var authentication: RequestAuthentication?

  public init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    peer = source.channel.remoteAddress?.ipAddress
    connection = ClientConnection(channel: source.channel)
  }

  /// The address of the client where addresses are counted: all of an IPv6 network is one.
  public var peerKey: String { PeerAddress.limitKey(peer) }

  /// For a route under a path that needs no token, and which does for some of what it does.
  /// - Parameter demandsHeaderToken: false where the body of the request proves more than the header token does.
  /// - Throws: as for every other path.
  public func authenticate(_ request: Request, demandsHeaderToken: Bool = true) async throws -> Caller {
    if let caller { return caller }
    guard let authentication else { return try requireCaller() }
    let caller = try await authentication.caller(request, peer: peer, demandsHeaderToken: demandsHeaderToken)
    connection.noteAuthenticated()
    return caller
  }

  /// - Throws: `unauthorized` where the request carries no valid token, as under a path that needs none.
  public func requireCaller() throws(StatusError) -> Caller {
    guard let caller else { throw StatusError(.unauthorized, "Unauthorized: send a token") }
    return caller
  }
}

/// The sender of a request whose token was valid when the request came.
public struct Caller: Sendable {
  public var identity: Identity
  public var credentials: Credentials
  /// Nil for who sent a token.
  public var session: Session?
  /// Whether the token or the session still is valid and its owner's; throws where that cannot be found out now.
  public var isStillValid: @Sendable () async throws -> Bool

  public init(
    identity: Identity, credentials: Credentials, session: Session? = nil,
    isStillValid: @escaping @Sendable () async throws -> Bool
  ) {
    self.identity = identity
    self.credentials = credentials
    self.session = session
    self.isStillValid = isStillValid
  }

  /// For what is not done by a session that somebody left open, such as deploying, and what says whom to trust. Whoever sends a token
  /// proves with it who they are.
  /// - Throws: `forbidden` where the caller's session is to prove itself once more.
  public func requireRecentAuthentication() throws(StatusError) {
    guard let session, !session.isRecentlyAuthenticated else { return }
    throw StatusError(
      .forbidden,
      "this needs a sign-in of the last 10 minutes: confirm your password (POST /api/admin/session/reauthenticate), then try "
        + "again")
  }
}
