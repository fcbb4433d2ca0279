import Synchronization

/// One request on its way: what the transfer thread and the waiting tasks share about it.
final class Transfer: Sendable {
  enum Delivery: Sendable {
    /// The body is collected and handed over at the end.
    case whole
    /// The body is handed over as it comes; the connection pauses while nobody reads.
    case pieces
  }

  enum Milestone {
    case head
    case bytes
    case end
  }

  enum Piece {
    /// The thread must be told to go on when the connection `isPaused`.
    case bytes([UInt8], isPaused: Bool)
    case end
    case notYet
  }

  private struct State {
    var head: (status: Int, headers: HTTPHeaders)?
    var pending: [UInt8] = []
    var isPaused = false
    var outcome: Result<Void, HTTPTransportError>?
    var waiters: [(milestone: Milestone, continuation: CheckedContinuation<Void, Never>)] = []

    func hasReached(_ milestone: Milestone) -> Bool {
      if outcome != nil { return true }
      return switch milestone {
      case .head: head != nil
      case .bytes: !pending.isEmpty
      case .end: false
      }
    }

    mutating func takeReachedWaiters() -> [CheckedContinuation<Void, Never>] {
      guard !waiters.isEmpty else { return [] }
      let all = waiters
      waiters = all.filter { !hasReached($0.milestone) }
      return all.filter { hasReached($0.milestone) }.map(\.continuation)
    }
  }

  /// Bytes kept for a slow reader before the connection is paused.
  private static let highWaterMark = 256 << 10

  let request: HTTPRequest
  let target: RequestTarget
  let upload: UploadSource?
  private let delivery: Delivery
  private let state = Mutex(State())

  init(_ request: HTTPRequest, delivery: Delivery) throws(HTTPTransportError) {
    self.target = try RequestTarget(request)
    try request.checkFields()
    self.upload = try UploadSource(request)
    self.request = request
    self.delivery = delivery
  }

  var isFinished: Bool { state.withLock { $0.outcome != nil } }

  var isPaused: Bool { state.withLock { $0.isPaused } }

  // MARK: The waiting side

  /// Returns when the milestone is reached or the transfer has ended.
  func reach(_ milestone: Milestone) async {
    await withCheckedContinuation { continuation in
      let isReached = state.withLock { state in
        if state.hasReached(milestone) { return true }
        state.waiters.append((milestone, continuation))
        return false
      }
      if isReached { continuation.resume() }
    }
  }

  /// The status and headers, or why there are none.
  func head() throws(HTTPTransportError) -> (status: Int, headers: HTTPHeaders) {
    let (head, outcome) = state.withLock { ($0.head, $0.outcome) }
    if let head { return head }
    if case .failure(let error) = outcome { throw error }
    throw HTTPTransportError(code: .connectionLost, message: "\(target.peer) closed the connection without a response")
  }

  /// The whole response; to be asked for after the end.
  func response() throws(HTTPTransportError) -> HTTPResponse {
    let (outcome, body) = state.withLock { state in
      defer { state.pending = [] }
      return (state.outcome, state.pending)
    }
    if case .failure(let error) = outcome { throw error }
    let head = try head()
    return HTTPResponse(status: head.status, headers: head.headers, body: body)
  }

  /// Everything that has arrived and was not read yet.
  func takePiece() throws(HTTPTransportError) -> Piece {
    let result = state.withLock { state -> Result<Piece, HTTPTransportError> in
      if !state.pending.isEmpty {
        let piece = Piece.bytes(state.pending, isPaused: state.isPaused)
        state.pending = []
        return .success(piece)
      }
      return switch state.outcome {
      case nil: .success(.notYet)
      case .success: .success(.end)
      case .failure(let error): .failure(error)
      }
    }
    return try result.get()
  }

  /// Ends the transfer for its waiters; false if it had ended before.
  @discardableResult
  func finish(_ outcome: Result<Void, HTTPTransportError>, isDiscardingBody: Bool = false) -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
      guard state.outcome == nil else { return nil }
      state.outcome = outcome
      if isDiscardingBody { state.pending = [] }
      return state.takeReachedWaiters()
    }
    for waiter in waiters ?? [] { waiter.resume() }
    return waiters != nil
  }

  // MARK: The side of the transfer thread

  /// Comes before the connection goes on, which may pause it again.
  func willResume() { state.withLock { $0.isPaused = false } }

  func receive(status: Int, headers: HTTPHeaders) {
    let waiters = state.withLock { state in
      state.head = (status, headers)
      return state.takeReachedWaiters()
    }
    for waiter in waiters { waiter.resume() }
  }

  /// False when the reader is behind: the bytes were not taken and will be offered again after a resume.
  func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
      if case .pieces = delivery, state.pending.count >= Self.highWaterMark {
        state.isPaused = true
        return nil
      }
      state.pending.append(contentsOf: bytes)
      return state.takeReachedWaiters()
    }
    for waiter in waiters ?? [] { waiter.resume() }
    return waiters != nil
  }
}

extension HTTPRequest {
  /// Refuses what would let a value become another header or another request.
  fileprivate func checkFields() throws(HTTPTransportError) {
    guard !method.isEmpty, method.utf8.allSatisfy(Self.isTokenByte) else {
      throw HTTPTransportError(code: .invalidRequest, message: "the method is not an HTTP token")
    }
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
        throw HTTPTransportError(code: .invalidRequest, message: "a header name is not an HTTP token")
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw HTTPTransportError(
          code: .invalidRequest, message: "the value of the header \(name) has a line break or control character")
      }
    }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
