/// After which a peer counts as gone without having closed its connections: a firewall forgot them, or its machine lost
/// its power.
public struct PeerTimeouts: Sendable, Hashable {
  /// A connection ends when nothing was acknowledged for so long.
  public var unacknowledged: Duration
  /// An idle connection is probed after so long.
  public var probeAfter: Duration
  /// And so often from then on.
  public var probeEvery: Duration

  public init(
    unacknowledged: Duration = .seconds(30), probeAfter: Duration = .seconds(15), probeEvery: Duration = .seconds(5)
  ) {
    self.unacknowledged = unacknowledged
    self.probeAfter = probeAfter
    self.probeEvery = probeEvery
  }
}

/// How many connections a client has at once. A request for which there is none waits, and its time runs; hosts for which
/// requests wait take turns.
///
/// A request counts as one connection, also where HTTP/2 lets several share one.
public struct ClientConnectionLimits: Sendable, Hashable {
  /// Open at once, idle ones counted; nil for any number.
  public var total: Int?
  /// In use at once to one host and port, or one Unix socket; nil for any number.
  public var perHost: Int?
  /// A connection is kept for the next request to its host unless more than this are open.
  public var kept: Int

  /// - Parameters:
  ///   - total: at least 1.
  ///   - perHost: at least 1.
  ///   - kept: at least 1.
  public init(total: Int? = nil, perHost: Int? = nil, kept: Int = 32) {
    self.total = total.map { max($0, 1) }
    self.perHost = perHost.map { max($0, 1) }
    self.kept = max(kept, 1)
  }
}
