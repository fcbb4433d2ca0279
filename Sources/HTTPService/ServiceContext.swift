public import Access
public import Hummingbird
public import ResourceModel

/// What a request carries through the front to its endpoint.
public struct ServiceContext: RequestContext {
  public var coreContext: CoreRequestContextStorage
  /// The address of the client, as numbers.
  public let peer: String?
  public let connection: ClientConnection
  /// Who sent the request; nil under paths that need no token.
  public internal(set) var caller: Caller?

  public init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    peer = source.channel.remoteAddress?.ipAddress
    connection = ClientConnection(channel: source.channel)
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
  /// Whether the token still is valid and its owner's; throws where that cannot be found out now.
  public var isStillValid: @Sendable () async throws -> Bool

  public init(
    identity: Identity, credentials: Credentials, isStillValid: @escaping @Sendable () async throws -> Bool
  ) {
    self.identity = identity
    self.credentials = credentials
    self.isStillValid = isStillValid
  }
}
