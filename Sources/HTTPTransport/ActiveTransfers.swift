import CLibCurl

/// The transfers inside the multi handle. Used by the transfer thread only.
struct ActiveTransfers {
  private let multi: UnsafeMutableRawPointer
  private let userAgent: String
  private let peerTimeouts: PeerTimeouts
  /// Peers one of whose requests timed out, until when their connections are in doubt.
  private var doubtful: [String: ContinuousClock.Instant] = [:]
  private var transfers: [ObjectIdentifier: EasyTransfer] = [:]
  /// No transfer can have stalled before this moment; activity only moves it further away, so that a wake-up need not
  /// look at every transfer.
  private var nextStallCheck: ContinuousClock.Instant?

  init(multi: UnsafeMutableRawPointer, userAgent: String, peerTimeouts: PeerTimeouts) {
    self.multi = multi
    self.userAgent = userAgent
    self.peerTimeouts = peerTimeouts
    // Idle connections kept for the next request.
    _ = curl_shim_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 32)
  }

  mutating func start(_ transfer: Transfer) {
    guard !transfer.isFinished else { return }
    let isFresh = isDoubtful(transfer.target.peer)
    guard
      let easyTransfer = EasyTransfer(
        transfer, userAgent: userAgent, peerTimeouts: peerTimeouts, isOnFreshConnection: isFresh),
      curl_multi_add_handle(multi, easyTransfer.easy) == CURLM_OK
    else {
      transfer.finish(
        .failure(HTTPTransportError(code: .connectionLost, message: "not enough memory for an HTTP transfer")))
      return
    }
    transfers[ObjectIdentifier(transfer)] = easyTransfer
    if let stall = transfer.request.stallTimeout {
      let check = ContinuousClock.now + stall
      nextStallCheck = min(nextStallCheck ?? check, check)
    }
  }

  mutating func resume(_ transfer: Transfer) {
    guard let easyTransfer = transfers[ObjectIdentifier(transfer)] else { return }
    easyTransfer.lastActivity = .now
    transfer.willResume()
    _ = curl_shim_resume(easyTransfer.easy)
  }

  mutating func abandon(_ transfer: Transfer) {
    remove(ObjectIdentifier(transfer))
  }

  /// Moves what can move, and tells the waiters of what has ended.
  mutating func advance() {
    var running: Int32 = 0
    if curl_multi_perform(multi, &running) != CURLM_OK {
      failAll { HTTPTransportError(code: .connectionLost, message: "the connection to \($0) was lost") }
    }
    finishCompleted()
    failStalled()
  }

  /// How long to sleep when nothing happens; libcurl's own timers shorten it.
  func pollMilliseconds() -> Int32 {
    let longest = Duration.seconds(3600)
    let sleep = nextStallCheck.map { min($0 - .now, longest) } ?? longest
    return Int32((max(sleep, .zero) / .milliseconds(1)).rounded(.up))
  }

  mutating func failAll(_ error: (_ peer: String) -> HTTPTransportError) {
    for (identifier, easyTransfer) in transfers {
      easyTransfer.transfer.finish(.failure(error(easyTransfer.transfer.target.peer)))
      remove(identifier)
    }
  }

  private mutating func finishCompleted() {
    var remaining: Int32 = 0
    while let message = curl_multi_info_read(multi, &remaining) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      let result = curl_shim_message_result(message)
      // The message is gone once the handle is removed.
      guard let (identifier, easyTransfer) = transfer(of: easy) else { continue }
      let outcome = easyTransfer.outcome(of: result)
      if case .failure(let error) = outcome, error.code == .timedOut { doubt(easyTransfer.transfer.target.peer) }
      easyTransfer.transfer.finish(outcome)
      remove(identifier)
    }
  }

  // MARK: Peers in doubt

  private mutating func doubt(_ peer: String) { doubtful[peer] = .now + peerTimeouts.unacknowledged }

  private mutating func isDoubtful(_ peer: String) -> Bool {
    guard let end = doubtful[peer] else { return false }
    if end > .now { return true }
    doubtful[peer] = nil
    return false
  }

  private mutating func failStalled() {
    guard let check = nextStallCheck, check <= .now else { return }
    nextStallCheck = nil
    let now = ContinuousClock.now
    for (identifier, easyTransfer) in transfers {
      guard let stall = easyTransfer.transfer.request.stallTimeout else { continue }
      // A reader that is behind is not a stalled peer.
      if easyTransfer.transfer.isPaused { easyTransfer.lastActivity = now }
      let deadline = easyTransfer.lastActivity + stall
      if deadline > now {
        nextStallCheck = min(nextStallCheck ?? deadline, deadline)
      } else {
        let peer = easyTransfer.transfer.target.peer
        doubt(peer)
        easyTransfer.transfer.finish(
          .failure(HTTPTransportError(code: .timedOut, message: "timed out: \(peer) sent nothing for \(stall)")))
        remove(identifier)
      }
    }
  }

  private func transfer(of easy: UnsafeMutableRawPointer) -> (ObjectIdentifier, EasyTransfer)? {
    var context: UnsafeMutableRawPointer?
    guard curl_shim_get_private(easy, &context) == CURLE_OK, let context else { return nil }
    let easyTransfer = Unmanaged<EasyTransfer>.fromOpaque(context).takeUnretainedValue()
    return (ObjectIdentifier(easyTransfer.transfer), easyTransfer)
  }

  private mutating func remove(_ identifier: ObjectIdentifier) {
    guard let easyTransfer = transfers.removeValue(forKey: identifier) else { return }
    curl_multi_remove_handle(multi, easyTransfer.easy)
  }
}
