import Addresses
package import CLibCurl
import Glibc

/// One easy handle of libcurl, and what its callbacks need. It is used for one transfer after another, and by the loop's
/// thread only.
package final class CurlHandle {
  let easy: UnsafeMutableRawPointer
  private(set) var transfer: (any CurlTransfer)?
  /// When a byte last moved.
  var lastActivity = ContinuousClock.now
  /// The last socket that the transfer waited for.
  var socket = CURL_SOCKET_BAD

  private let settings: LoopSettings
  private let errorText: UnsafeMutablePointer<CChar>
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var sentBytes = 0
  /// Why a callback stopped the transfer; libcurl itself only knows that it did.
  private var failure: TransferError?
  private var refusal: AddressPolicy.Refusal?

  /// Nil when there is no memory for a handle.
  init?(_ settings: LoopSettings) {
    guard let easy = curl_easy_init() else { return nil }
    self.easy = easy
    self.settings = settings
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(easy)
    freeLists()
    errorText.deallocate()
  }

  /// Makes the handle ready to be added to the multi handle.
  /// - Parameters:
  ///   - remaining: of the transfer's total time; nil for no limit.
  ///   - isFresh: where no connection that is open may be used.
  func prepare(_ transfer: any CurlTransfer, remaining: Duration?, isFresh: Bool) {
    self.transfer = transfer
    lastActivity = .now
    let context = Unmanaged.passUnretained(self).toOpaque()
    set(CURLOPT_PRIVATE, pointer: context)
    set(CURLOPT_ERRORBUFFER, pointer: errorText)
    set(CURLOPT_NOSIGNAL, 1)
    // Whoever gives up while a name is being resolved does not wait for the resolver, whose thread ends by itself.
    set(CURLOPT_QUICK_EXIT, 1)
    if transfer.mustAbort { setAbortOptions(context: context) }
    if isFresh { set(CURLOPT_FRESH_CONNECT, 1) }
    setConnectionOptions(context: context)
    set(CURLOPT_CONNECTTIMEOUT_MS, transfer.limits.connect.curlMilliseconds)
    if let remaining { set(CURLOPT_TIMEOUT_MS, remaining.curlMilliseconds) }
    setTLSOptions(transfer.tls)
    setDataOptions(transfer, context: context)
    transfer.setOptions(of: self)
  }

  /// Forgets the transfer, so that the handle can be used for another. It must have left the multi handle.
  func reset() {
    curl_easy_reset(easy)
    freeLists()
    errorText[0] = 0
    transfer = nil
    sentBytes = 0
    socket = CURL_SOCKET_BAD
    failure = nil
    refusal = nil
  }

  /// What the end of the transfer means for the one who waits.
  func outcome(of result: CURLcode, peer: String) -> Result<Void, TransferError> {
    if let failure { return .failure(failure) }
    if result == CURLE_OK { return .success(()) }
    if let refusal, result == CURLE_COULDNT_CONNECT {
      return .failure(
        TransferError(code: .addressRefused, message: "\(peer) is not connected to: it has \(refusal.rawValue)"))
    }
    return .failure(TransferError(result, easy: easy, errorText: errorText, peer: peer))
  }

  private func freeLists() {
    for list in lists { curl_slist_free_all(list) }
    lists = []
  }

  // MARK: Options

  package func set(_ option: CURLoption, _ value: Int) { _ = curl_shim_set_long(easy, option, value) }

  /// libcurl takes a copy.
  package func set(_ option: CURLoption, _ value: String) { _ = curl_shim_set_string(easy, option, value) }

  package func set(_ option: CURLoption, list values: [String]) {
    var list: UnsafeMutablePointer<curl_slist>?
    for value in values { list = curl_slist_append(list, value) ?? list }
    guard let list else { return }
    lists.append(list)
    set(option, pointer: list)
  }

  /// Sends these bytes with the head of a request, in one packet where they fit.
  package func setBody(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { _ = curl_shim_set_body(easy, $0.baseAddress, $0.count) }
  }

  package func set(_ option: CURLoption, offset: Int) { _ = curl_shim_set_offset(easy, option, curl_off_t(offset)) }

  private func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer?) {
    _ = curl_shim_set_pointer(easy, option, pointer)
  }

  private func setConnectionOptions(context: UnsafeMutableRawPointer) {
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_TCP_KEEPIDLE, settings.peerTimeouts.probeAfter.curlSeconds)
    set(CURLOPT_TCP_KEEPINTVL, settings.peerTimeouts.probeEvery.curlSeconds)
    set(CURLOPT_RESOLVE, list: settings.knownHosts())
    // A proxy would connect where this client must not.
    if settings.addresses.isRestricted { set(CURLOPT_PROXY, "") }
    set(CURLOPT_OPENSOCKETDATA, pointer: context)
    _ = curl_shim_set_open_socket_callback(easy) { context, _, address in
      guard let address else { return CURL_SOCKET_BAD }
      return CurlHandle.from(context).openSocket(to: address)
    }
  }

  private func setAbortOptions(context: UnsafeMutableRawPointer) {
    set(CURLOPT_NOPROGRESS, 0)
    set(CURLOPT_XFERINFODATA, pointer: context)
    _ = curl_shim_set_progress_callback(easy) { context, _, _, _, _ in
      CurlHandle.from(context).transfer?.hasEnded == false ? 0 : 1
    }
  }

  private func setDataOptions(_ transfer: any CurlTransfer, context: UnsafeMutableRawPointer) {
    set(CURLOPT_HEADERDATA, pointer: context)
    _ = curl_shim_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { buffer, size, count, context in
      CurlHandle.from(context).receiveHeader(UnsafeRawBufferPointer(start: buffer, count: size * count))
    }
    set(CURLOPT_WRITEDATA, pointer: context)
    _ = curl_shim_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { buffer, size, count, context in
      CurlHandle.from(context).receiveBody(UnsafeRawBufferPointer(start: buffer, count: size * count))
    }
    guard let upload = transfer.upload else { return }
    set(CURLOPT_UPLOAD, 1)
    set(CURLOPT_INFILESIZE_LARGE, offset: upload.size)
    set(CURLOPT_READDATA, pointer: context)
    _ = curl_shim_set_data_callback(easy, CURLOPT_READFUNCTION) { buffer, size, count, context in
      CurlHandle.from(context).sendBody(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
    }
    set(CURLOPT_SEEKDATA, pointer: context)
    _ = curl_shim_set_seek_callback(easy) { context, offset, origin in
      CurlHandle.from(context).seekBody(to: Int(offset), origin: origin)
    }
  }
}

// MARK: Callbacks

extension CurlHandle {
  static func from(_ context: UnsafeMutableRawPointer?) -> CurlHandle {
    // libcurl hands back the pointer set above, and the thread keeps the object while the handle is in use.
    Unmanaged<CurlHandle>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// Any count but the given one makes libcurl stop with CURLE_WRITE_ERROR.
  private static let stop = -1

  /// Makes a socket for a connection, unless the client must not make it. libcurl then tries the host's next address.
  private func openSocket(to address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    if settings.addresses.isRestricted {
      let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
      let target = UnsafeRawBufferPointer(
        start: UnsafeRawPointer(address) + offset, count: Int(address.pointee.addrlen))
      if let refusal = IPAddress(target).map(settings.addresses.refusal) ?? .notInternet {
        self.refusal = refusal
        return CURL_SOCKET_BAD
      }
    }
    // Not for the programs that this one starts: a connection would stay open as long as they have it.
    let descriptor = Glibc.socket(
      address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    guard descriptor >= 0 else { return CURL_SOCKET_BAD }
    // A TCP connection ends when the peer has acknowledged nothing for so long, be it data or a probe. Other sockets have
    // no such option.
    var milliseconds = UInt32(settings.peerTimeouts.unacknowledged.curlMilliseconds)
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<UInt32>.size))
    return descriptor
  }

  private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    failure = transfer?.receive(header: line)
    return failure == nil ? line.count : Self.stop
  }

  private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    switch transfer?.receive(body: bytes) {
    case .taken: return bytes.count
    case .later: return Int(CURL_WRITEFUNC_PAUSE)
    case .refused(let error):
      failure = error
      return Self.stop
    case nil: return Self.stop
    }
  }

  private func sendBody(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    lastActivity = .now
    guard let count = transfer?.upload?.read(at: sentBytes, into: buffer) else {
      failure = TransferError(
        code: .fileUnreadable, message: "the file became unreadable or shorter while it was uploaded")
      return Int(CURL_READFUNC_ABORT)
    }
    sentBytes += count
    return count
  }

  private func seekBody(to offset: Int, origin: Int32) -> Int32 {
    guard origin == SEEK_SET, let size = transfer?.upload?.size, (0...size).contains(offset) else {
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
