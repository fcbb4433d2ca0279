import CLibCurl
import CurlTransfers
import Synchronization

/// One request on its way: what the loop's thread and the waiting tasks share about it.
final class HTTPTransfer: CurlTransfer {
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
    var parser = ResponseHeadParser()
    var receivedBytes = 0
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
  /// A body that is sent piece by piece; a smaller one goes with the head.
  let upload: UploadSource?
  private let smallBody: [UInt8]?
  private let userAgent: String
  private let target: RequestTarget
  private let delivery: Delivery
  private let state = Mutex(State())

  init(_ request: HTTPRequest, userAgent: String, delivery: Delivery) throws(HTTPTransportError) {
    self.target = try RequestTarget(request)
    try request.checkFields()
    (smallBody, upload) = try request.bodySource()
    self.request = request
    self.userAgent = userAgent
    self.delivery = delivery
  }

  var peer: String { target.peer }

  var tls: TLSSettings { request.tls }

  var limits: TransferLimits {
    TransferLimits(total: request.timeout, connect: request.connectTimeout, stall: request.stallTimeout)
  }

  var hasEnded: Bool { state.withLock { $0.outcome != nil } }

  var mustAbort: Bool { false }

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
    throw HTTPTransportError(code: .connectionLost, message: "\(peer) closed the connection without a response")
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

  func end(_ outcome: Result<Void, HTTPTransportError>) -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
      guard state.outcome == nil else { return nil }
      state.outcome = outcome
      // Whoever cancels reads no more.
      if case .failure(let error) = outcome, error.code == .cancelled { state.pending = [] }
      return state.takeReachedWaiters()
    }
    for waiter in waiters ?? [] { waiter.resume() }
    return waiters != nil
  }

  // MARK: The side of the loop

  func setOptions(of handle: CurlHandle) {
    handle.set(CURLOPT_URL, request.url)
    handle.set(CURLOPT_PATH_AS_IS, 1)
    handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
    handle.set(CURLOPT_FOLLOWLOCATION, 0)
    handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    handle.set(CURLOPT_USERAGENT, userAgent)
    if let path = request.unixSocketPath { handle.set(CURLOPT_UNIX_SOCKET_PATH, path) }
    if target.isLocal { handle.set(CURLOPT_PROXY, "") }
    if let smallBody { handle.setBody(smallBody) }
    if request.method == "HEAD" {
      handle.set(CURLOPT_NOBODY, 1)
    } else {
      handle.set(CURLOPT_CUSTOMREQUEST, request.method)
      // Refuses by Content-Length before the body is sent; what really comes is counted below.
      if request.maximumResponseBytes > 0 {
        handle.set(CURLOPT_MAXFILESIZE_LARGE, offset: request.maximumResponseBytes)
      }
    }
    let headers = request.headers.map { name, value in value.isEmpty ? "\(name);" : "\(name): \(value)" }
    // Without it libcurl asks `Expect: 100-continue` for larger bodies and loses a second with servers that do not answer.
    var unsaid = ["Expect:"]
    // And it calls a body a form.
    if smallBody != nil, !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
      unsaid.append("Content-Type:")
    }
    handle.set(CURLOPT_HTTPHEADER, list: headers + unsaid)
  }

  func receive(header line: UnsafeRawBufferPointer) -> HTTPTransportError? {
    let (event, waiters) = state.withLock { state in
      let event = state.parser.receive(line: line)
      if event == .complete { state.head = (state.parser.status, state.parser.headers) }
      return (event, event == .complete ? state.takeReachedWaiters() : [])
    }
    for waiter in waiters { waiter.resume() }
    guard event == .tooLarge else { return nil }
    return HTTPTransportError(
      code: .responseTooLarge, message: "\(peer) sent more than \(ResponseHeadParser.maximumBytes) bytes of headers")
  }

  func receive(body bytes: UnsafeRawBufferPointer) -> BodyIntake {
    let (intake, waiters) = state.withLock { state -> (BodyIntake, [CheckedContinuation<Void, Never>]) in
      guard bytes.count <= request.maximumResponseBytes - state.receivedBytes else {
        let message = "\(peer) sent a response of more than \(request.maximumResponseBytes) bytes"
        return (.refused(HTTPTransportError(code: .responseTooLarge, message: message)), [])
      }
      if case .pieces = delivery, state.pending.count >= Self.highWaterMark {
        state.isPaused = true
        return (.later, [])
      }
      state.receivedBytes += bytes.count
      // A cancelled transfer may go on for a moment.
      if state.outcome == nil { state.pending.append(contentsOf: bytes) }
      return (.taken, state.takeReachedWaiters())
    }
    for waiter in waiters { waiter.resume() }
    return intake
  }

  func willResume() { state.withLock { $0.isPaused = false } }

  func didFinish(_ result: CURLcode) {}
}

extension HTTPRequest {
  fileprivate func bodySource() throws(HTTPTransportError) -> (small: [UInt8]?, large: UploadSource?) {
    switch body {
    // A method that has a body by its meaning says `Content-Length: 0`; servers answer 411 otherwise.
    case .none: (["POST", "PUT", "PATCH"].contains(method) ? [] : nil, nil)
    case .bytes(let bytes): bytes.count <= 16 << 10 ? (bytes, nil) : (nil, UploadSource(bytes))
    case .file(let path): (nil, try UploadSource(path: path))
    case .parts(let parts, let onProgress): (nil, try UploadSource(parts: parts, onProgress: onProgress))
    }
  }

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
