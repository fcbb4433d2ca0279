import CLibCurl
import Glibc

/// A transfer in libcurl's hands: its easy handle, and what the callbacks need. Used by the transfer thread only.
final class EasyTransfer {
  let transfer: Transfer
  let easy: UnsafeMutableRawPointer
  /// When a byte last moved, for the stall timeout.
  var lastActivity = ContinuousClock.now

  private var headerList: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutablePointer<CChar>
  private var head = ResponseHeadParser()
  private var receivedBytes = 0
  private var sentBytes = 0
  /// Why a callback stopped the transfer; libcurl itself only knows that it did.
  private var failure: HTTPTransportError?

  /// Nil when there is no memory for a handle.
  init?(_ transfer: Transfer, userAgent: String, peerTimeouts: PeerTimeouts, isOnFreshConnection: Bool) {
    guard let easy = curl_easy_init() else { return nil }
    self.transfer = transfer
    self.easy = easy
    self.errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    self.errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    setOptions(userAgent: userAgent)
    set(peerTimeouts)
    if isOnFreshConnection { set(CURLOPT_FRESH_CONNECT, 1) }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(headerList)
    errorText.deallocate()
  }

  /// What the end of the transfer means for the one who waits.
  func outcome(of result: CURLcode) -> Result<Void, HTTPTransportError> {
    if let failure { return .failure(failure) }
    if result == CURLE_OK { return .success(()) }
    return .failure(HTTPTransportError(result, easy: easy, errorText: errorText, peer: transfer.target.peer))
  }

  // MARK: Options

  func set(_ option: CURLoption, _ value: Int) { _ = curl_shim_set_long(easy, option, value) }
  func set(_ option: CURLoption, _ value: String) { _ = curl_shim_set_string(easy, option, value) }

  private func setOptions(userAgent: String) {
    let request = transfer.request
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = curl_shim_set_pointer(easy, CURLOPT_PRIVATE, context)
    _ = curl_shim_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    set(CURLOPT_USERAGENT, userAgent)
    if let path = request.unixSocketPath { set(CURLOPT_UNIX_SOCKET_PATH, path) }
    if transfer.target.isLocal { set(CURLOPT_PROXY, "") }

    set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.curlMilliseconds)
    if let timeout = request.timeout { set(CURLOPT_TIMEOUT_MS, timeout.curlMilliseconds) }
    setTLSOptions(request.tls)
    setBodyOptions(request, context: context)

    for (name, value) in request.headers {
      headerList = curl_slist_append(headerList, value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    // Without it libcurl asks `Expect: 100-continue` for larger bodies and loses a second with servers that do not answer.
    headerList = curl_slist_append(headerList, "Expect:")
    _ = curl_shim_set_pointer(easy, CURLOPT_HTTPHEADER, headerList)

    _ = curl_shim_set_pointer(easy, CURLOPT_HEADERDATA, context)
    _ = curl_shim_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { buffer, size, count, context in
      EasyTransfer.from(context).receiveHeader(UnsafeRawBufferPointer(start: buffer, count: size * count))
    }
    _ = curl_shim_set_pointer(easy, CURLOPT_WRITEDATA, context)
    _ = curl_shim_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { buffer, size, count, context in
      EasyTransfer.from(context).receiveBody(UnsafeRawBufferPointer(start: buffer, count: size * count))
    }
  }

  private func set(_ peerTimeouts: PeerTimeouts) {
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_TCP_KEEPIDLE, peerTimeouts.probeAfter.curlSeconds)
    set(CURLOPT_TCP_KEEPINTVL, peerTimeouts.probeEvery.curlSeconds)
    curl_shim_set_peer_timeout(easy, UInt32(peerTimeouts.unacknowledged.curlMilliseconds))
  }

  private func setBodyOptions(_ request: HTTPRequest, context: UnsafeMutableRawPointer) {
    if let upload = transfer.upload {
      set(CURLOPT_UPLOAD, 1)
      _ = curl_shim_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(upload.size))
      _ = curl_shim_set_pointer(easy, CURLOPT_READDATA, context)
      _ = curl_shim_set_data_callback(easy, CURLOPT_READFUNCTION) { buffer, size, count, context in
        EasyTransfer.from(context).sendBody(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
      }
      _ = curl_shim_set_pointer(easy, CURLOPT_SEEKDATA, context)
      _ = curl_shim_set_seek_callback(easy) { context, offset, origin in
        EasyTransfer.from(context).seekBody(to: Int(offset), origin: origin)
      }
    }
    if request.method == "HEAD" {
      set(CURLOPT_NOBODY, 1)
    } else {
      set(CURLOPT_CUSTOMREQUEST, request.method)
      if request.maximumResponseBytes > 0 {
        // Refuses by Content-Length before the body is sent; the callback below counts what really comes.
        _ = curl_shim_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.maximumResponseBytes))
      }
    }
  }

  // MARK: Callbacks

  private static func from(_ context: UnsafeMutableRawPointer?) -> EasyTransfer {
    // libcurl hands back the pointer set above, and the thread keeps the object while the handle is in use.
    Unmanaged<EasyTransfer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// Any count but the given one makes libcurl stop with CURLE_WRITE_ERROR.
  private static let stop = -1

  private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    switch head.receive(line: line) {
    case .more:
      return line.count
    case .complete:
      transfer.receive(status: head.status, headers: head.headers)
      return line.count
    case .tooLarge:
      failure = HTTPTransportError(
        code: .responseTooLarge,
        message: "\(transfer.target.peer) sent more than \(ResponseHeadParser.maximumBytes) bytes of headers")
      return Self.stop
    }
  }

  private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    guard bytes.count <= transfer.request.maximumResponseBytes - receivedBytes else {
      failure = .responseTooLarge(peer: transfer.target.peer, limit: transfer.request.maximumResponseBytes)
      return Self.stop
    }
    guard transfer.receive(body: bytes) else { return Int(CURL_WRITEFUNC_PAUSE) }
    receivedBytes += bytes.count
    return bytes.count
  }

  private func sendBody(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    lastActivity = .now
    guard let count = transfer.upload?.read(at: sentBytes, into: buffer) else {
      failure = HTTPTransportError(
        code: .fileUnreadable, message: "the file became unreadable or shorter while it was uploaded")
      return Int(CURL_READFUNC_ABORT)
    }
    sentBytes += count
    return count
  }

  private func seekBody(to offset: Int, origin: Int32) -> Int32 {
    guard origin == SEEK_SET, let size = transfer.upload?.size, (0...size).contains(offset) else {
      return Int32(CURL_SEEKFUNC_CANTSEEK)
    }
    sentBytes = offset
    return Int32(CURL_SEEKFUNC_OK)
  }
}

extension Duration {
  /// At least 1, which is the least that TCP knows.
  fileprivate var curlSeconds: Int { max(curlMilliseconds / 1000, 1) }

  /// At least 1: zero means "no timeout" to libcurl.
  fileprivate var curlMilliseconds: Int {
    let milliseconds = self / .milliseconds(1)
    return Int(min(max(milliseconds.rounded(.up), 1), Double(Int32.max)))
  }
}
