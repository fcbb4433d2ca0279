/// What one connection, and all of them together, may cost a server.
public struct ConnectionLimits: Sendable, Hashable {
  /// Connections at the same time. Of more, so many are told to come again as `maximumRefusals` says; others are closed as they
  /// come.
  public var maximumConnections = 4096
  /// Connections at the same time that are there only to be told 429, so that a whole fleet that comes back in one second knows when
  /// to come again.
  public var maximumRefusals = 512
  /// Who is told so comes again after 1 s to so many, other for each.
  public var longestRetry = 60
  /// Of those, how many may come from one address (IPv6: one /64 network) that is not a trusted proxy's.
  public var maximumConnectionsPerAddress = 1024
  /// From the opening of a connection until the head of its first request has come.
  public var headTimeout: Duration = .seconds(10)
  /// From the head of a request until the end of its body, where it is not expected to be long
  /// (`ClientConnection.expectLongBody`). The answer has its own limit, `requestTimeout`.
  public var bodyTimeout: Duration = .seconds(60)
  /// Between an answer and the head of the next request.
  public var idleTimeout: Duration = .seconds(120)
  /// The same while the client has sent no valid token: what needs none, such as `/healthz`, keeps no connection for long.
  public var unauthenticatedIdleTimeout: Duration = .seconds(10)
  /// A client that reads an answer so slowly that less than `minimumProgress` leaves in this time is cut off.
  public var writeTimeout: Duration = .seconds(30)
  /// In bytes.
  public var minimumProgress = 32 << 10
  /// After an answer that ends the connection: how long, and how many bytes, what the client still sends is read and
  /// thrown away, so that it gets to see the answer.
  public var lingerTimeout: Duration = .seconds(2)
  public var lingerByteCount = 64 << 10

  /// Of whose connections there may be `maximumConnections`.
  public var proxies = TrustedProxies()

  public init() {}

  /// At most `maximumConnections`, in a process that may open `openFileLimit` files: 128 of them stay for the database
  /// and everything else.
  public init(maximumConnections: Int, openFileLimit: Int) {
    self.maximumConnections = min(maximumConnections, max(16, openFileLimit - 128))
    maximumConnectionsPerAddress = max(16, self.maximumConnections / 4)
    maximumRefusals = max(0, min(maximumRefusals, openFileLimit - 128 - self.maximumConnections))
  }
}
