import NIOCore

/// Where one HTTP/1 connection stands, and until when it may stay there. The decisions alone; `ConnectionHandler` carries
/// them out.
///
///     waiting for a head ──head──▶ receiving the body ──end──▶ waiting for the next head
///            └───────── an answer that ends the connection ─────────▶ lingering ──▶ closed
struct ConnectionState {
  enum Reading: Hashable {
    /// Of the first request, or of the next one.
    case head
    case body
    /// Everything that still comes is thrown away.
    case lingering
  }

  private(set) var reading = Reading.head
  /// Requests whose answer has not been written to its end.
  private(set) var unanswered = 0
  private let limits: ConnectionLimits
  private var isFirst = true
  private var isAuthenticated = false
  /// When the present waiting began.
  private var since: NIODeadline
  /// Of the present request's body, where it is longer than of others.
  private var bodyTimeout: Duration?
  /// When the body has moved last.
  private var moved: NIODeadline
  /// True where the present answer is the connection's last.
  private var closes = false
  /// True where the client asked that its present request be the last.
  private var clientCloses = false
  private var thrownAway = 0

  init(limits: ConnectionLimits, now: NIODeadline) {
    self.limits = limits
    since = now
    moved = now
  }

  // MARK: What the client sends

  mutating func receivedHead(isKeepAlive: Bool, now: NIODeadline) {
    reading = .body
    isFirst = false
    unanswered += 1
    since = now
    moved = now
    bodyTimeout = nil
    if !isKeepAlive { clientCloses = true }
  }

  mutating func receivedBody(now: NIODeadline) { moved = now }

  mutating func receivedEnd(now: NIODeadline) {
    reading = .head
    since = now
  }

  /// - Returns: false where no more should be read from the client.
  mutating func threwAway(_ byteCount: Int) -> Bool {
    thrownAway += byteCount
    return thrownAway <= limits.lingerByteCount
  }

  // MARK: What the server answers

  mutating func authenticated() { isAuthenticated = true }

  mutating func expectLongBody(within timeout: Duration) { bodyTimeout = timeout }

  /// - Parameter mustBeLast: whether the connection ends with this answer in any case.
  /// - Returns: whether it must say so: the client asked for it with its last request, or has not sent the whole request,
  ///   and what it still sends will not be read.
  mutating func answerBegan(mustBeLast: Bool) -> Bool {
    closes = mustBeLast || ((clientCloses || reading == .body) && unanswered == 1)
    return closes
  }

  /// - Returns: true where the connection ends with this answer.
  mutating func answerEnded(now: NIODeadline) -> Bool {
    unanswered -= 1
    if unanswered == 0, reading == .head { since = now }
    return closes
  }

  /// The last answer has left.
  mutating func linger(now: NIODeadline) {
    reading = .lingering
    since = now
  }

  // MARK: Time

  /// When the connection is closed unless something happens before; nil where it is the server's turn.
  var deadline: NIODeadline? {
    switch reading {
    case .head where unanswered > 0: nil
    case .head where isFirst: since + TimeAmount(limits.headTimeout)
    case .head: since + TimeAmount(isAuthenticated ? limits.idleTimeout : limits.unauthenticatedIdleTimeout)
    case .body:
      if let bodyTimeout {
        min(since + TimeAmount(bodyTimeout), moved + TimeAmount(limits.bodyTimeout))
      } else {
        since + TimeAmount(limits.bodyTimeout)
      }
    case .lingering: since + TimeAmount(limits.lingerTimeout)
    }
  }
}
