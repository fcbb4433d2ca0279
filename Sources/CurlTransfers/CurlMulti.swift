import CLibCurl

/// libcurl's multi handle, driven by events: it says for which sockets and until when to wait, and is told which are ready.
/// Used by one thread.
final class CurlMulti {
  private let multi: UnsafeMutableRawPointer
  private let poll: EventPoll
  /// When libcurl wants to be called without a socket being ready.
  private var timer: ContinuousClock.Instant?
  /// Whether libcurl can go on with the transfers that it has.
  private(set) var isSound = true

  static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Nil where there is no memory or no descriptor for it.
  init?(_ limits: ClientConnectionLimits, wakeUp: WakeUp) {
    guard Self.isLibraryReady, let poll = EventPoll(wakeUp: wakeUp), let multi = curl_multi_init() else { return nil }
    self.multi = multi
    self.poll = poll
    _ = curl_shim_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limits.kept)
    // `ConnectionQueue` keeps to the limits; this closes idle connections to make room for new ones.
    if let total = limits.total { _ = curl_shim_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, total) }
    let context = Unmanaged.passUnretained(self).toOpaque()
    curl_shim_multi_set_socket_callback(
      multi,
      { easy, socket, what, context, _ in
        if what != CURL_POLL_REMOVE, let easy { CurlMulti.handle(of: easy)?.socket = socket }
        return CurlMulti.from(context).poll.watch(socket, for: what) ? 0 : -1
      }, context)
    curl_shim_multi_set_timer_callback(
      multi,
      { _, milliseconds, context in
        CurlMulti.from(context).timer = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
        return 0
      }, context)
  }

  deinit { curl_multi_cleanup(multi) }

  private static func from(_ context: UnsafeMutableRawPointer?) -> CurlMulti {
    Unmanaged<CurlMulti>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  func add(_ handle: CurlHandle) -> Bool { curl_multi_add_handle(multi, handle.easy) == CURLM_OK }

  func remove(_ handle: CurlHandle) { curl_multi_remove_handle(multi, handle.easy) }

  /// Lets libcurl look at a transfer now.
  func run(_ handle: CurlHandle) {
    if handle.socket != CURL_SOCKET_BAD { act(handle.socket, 0) }
  }

  /// Sleeps until something can move or the time has come, and moves it.
  func wait(until deadline: ContinuousClock.Instant?) {
    let earliest = [deadline, timer].compactMap(\.self).min()
    poll.wait(until: earliest) { socket, how in act(socket, how) }
  }

  /// Does what is due without a socket being ready. To be called before each wait.
  func runTimer() {
    guard let due = timer, due <= .now else { return }
    // A timer comes once; libcurl sets the next one meanwhile.
    timer = nil
    act(CURL_SOCKET_TIMEOUT, 0)
  }

  private func act(_ socket: curl_socket_t, _ how: Int32) {
    var running: Int32 = 0
    if curl_multi_socket_action(multi, socket, how, &running) != CURLM_OK { isSound = false }
  }

  /// A transfer that has ended; its handle is to be removed.
  func nextEnded() -> (handle: CurlHandle, result: CURLcode)? {
    var remaining: Int32 = 0
    while let message = curl_multi_info_read(multi, &remaining) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      // The message is gone once the handle is removed.
      let result = curl_shim_message_result(message)
      if let handle = Self.handle(of: easy) { return (handle, result) }
    }
    return nil
  }

  private static func handle(of easy: UnsafeMutableRawPointer) -> CurlHandle? {
    var context: UnsafeMutableRawPointer?
    // libcurl closes connections with handles of its own, which have none.
    guard curl_shim_get_private(easy, &context) == CURLE_OK, let context else { return nil }
    return CurlHandle.from(context)
  }

  /// libcurl can take transfers again after it was left with none.
  func didRemoveAll() { isSound = true }
}
