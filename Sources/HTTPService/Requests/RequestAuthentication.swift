import Access
import HTTPTypes
import Hummingbird
import ResourceModel

/// Finds out who sends a request. Whoever brings no valid token is slowed down by address, before it costs a query.
struct RequestAuthentication: Sendable {
  private let authenticator: any Authenticator
  private let sessions: SessionRule?
  /// Requests without a valid token, by address.
  private let unauthenticated = RateLimiter(rate: 20, burst: 200)
  /// Tokens to look up that this process has not seen yet, by address.
  private let unknown: RateLimiter
  /// The same from all addresses together.
  private let lookups = RateLimiter(rate: 200, burst: 1000)
  private let acceptsPasswordsFromAnywhere: Bool
  private let tokenHeaders: [TokenHeader]

  init(_ authenticator: any Authenticator, _ sessions: SessionRule?, _ configuration: ServiceConfiguration) {
    self.sessions = sessions
    unknown = RateLimiter(rate: configuration.unknownTokens.rate, burst: configuration.unknownTokens.burst)
    self.authenticator = authenticator
    acceptsPasswordsFromAnywhere = configuration.acceptsPasswordsFromAnywhere
    tokenHeaders = configuration.tokenHeaders
  }

  /// - Parameters:
  ///   - peer: the address of the client, as numbers.
  ///   - demandsHeaderToken: see `ServiceContext.authenticate`.
  /// - Throws: `unauthorized`; `tooManyRequests` where that address tries too often; `forbidden` for a page of another origin.
  func caller(_ request: Request, peer: String?, demandsHeaderToken: Bool = true) async throws -> Caller {
    let credentials = Credentials(request, tokenHeaders)
    if credentials == .none, let sessions, let secret = sessions.cookie.value(in: request) {
      return try await caller(request, peer, sessions, secret, demandsHeaderToken)
    }
    let identity = try await identity(request, credentials, peer)
    return Caller(
      identity: identity, credentials: credentials, isStillValid: { try await isStill(identity, credentials) })
  }

  private func caller(
    _ request: Request, _ peer: String?, _ rule: SessionRule, _ secret: String, _ demandsHeaderToken: Bool
  ) async throws -> Caller {
    try rule.requireOrigin(request)
    let address = PeerAddress.limitKey(peer)
    let wasLookedUp = AtomicFlag(false)
    let found = try await rule.authenticator.session(forToken: secret, isUse: rule.isUse(request)) {
      wasLookedUp.set()
      try Self.take(unknown, address)
      try Self.take(lookups, "")
    }
    guard let session = found else {
      let message = "the session has ended: sign in"
      guard wasLookedUp.clear() else { throw try refusal(address, message) }
      throw Self.unauthorized(message)
    }
    if demandsHeaderToken { try rule.requireHeaderToken(request, session) }
    return Caller(
      identity: session.identity, credentials: .session(secret), session: session,
      isStillValid: {
        let present = try await rule.authenticator.session(forToken: secret, isUse: false, mayLookUp: {})
        return present?.id == session.id && present?.identity == session.identity
      })
  }

  private func identity(_ request: Request, _ credentials: Credentials, _ peer: String?) async throws -> Identity {
    let address = PeerAddress.limitKey(peer)
    guard let token = credentials.token else {
      throw try refusal(address, "send a token as 'Authorization: Bearer TOKEN'")
    }
    if case .password = credentials, !acceptsPasswordsFromAnywhere, !Self.isFromThisMachine(request, peer) {
      throw try refusal(
        address,
        "a token is taken as a password from this machine only, unless the server is started with "
          + "--basic-from-anywhere: send it as 'Authorization: Bearer TOKEN'")
    }
    // A token that may be valid has a larger allowance than what is none: behind a proxy many share an address.
    let wasLookedUp = AtomicFlag(false)
    let identity = try await authenticator.identity(forToken: token) {
      wasLookedUp.set()
      try Self.take(unknown, address)
      try Self.take(lookups, "")
    }
    guard let identity else {
      let message = "the token is unknown, revoked or expired"
      guard wasLookedUp.clear() else { throw try refusal(address, message) }
      throw Self.unauthorized(message)
    }
    if case .header(let name, _) = credentials, let header = tokenHeaders.first(where: { $0.name == name }),
      Set(header.roles).isDisjoint(with: identity.roles)
    {
      throw try refusal(
        address, "\(name) is for tokens of the role \(header.roles.map(\.rawValue).joined(separator: " or "))")
    }
    return identity
  }

  /// Whether the sender of a request that still is being answered is who it was.
  /// - Throws: where that cannot be found out now.
  private func isStill(_ identity: Identity, _ credentials: Credentials) async throws -> Bool {
    guard let token = credentials.token else { return false }
    return try await authenticator.identity(forToken: token, mayLookUp: {}) == identity
  }

  /// A proxy on this machine says so, and speaks for others.
  private static func isFromThisMachine(_ request: Request, _ peer: String?) -> Bool {
    guard PeerAddress.isLoopback(peer) else { return false }
    return ["X-Forwarded-For", "Forwarded"].allSatisfy { name in
      HTTPField.Name(name).map { request.headers[$0] == nil } ?? true
    }
  }

  private func refusal(_ address: String, _ message: String) throws -> StatusError {
    try Self.take(unauthenticated, address)
    return Self.unauthorized(message)
  }

  private static func unauthorized(_ message: String) -> StatusError {
    StatusError(.unauthorized, "Unauthorized: \(message)")
  }

  private static func take(_ limiter: RateLimiter, _ caller: String) throws {
    guard let wait = limiter.take(for: caller) else { return }
    throw StatusError(
      .tooManyRequests, "too many requests without a valid token",
      retryAfterSeconds: max(1, Int((wait / .seconds(1)).rounded(.up))))
  }
}

extension Credentials {
  init(_ request: Request, _ tokenHeaders: [TokenHeader]) {
    let header = tokenHeaders.lazy.compactMap { header in
      HTTPField.Name(header.name).flatMap { request.headers[$0] }.map { (name: header.name, value: $0) }
    }.first
    self.init(authorization: request.headers[.authorization], header: header)
  }
}
