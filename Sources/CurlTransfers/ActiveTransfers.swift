import CLibCurl

/// The transfers of a loop: those that wait for a connection, and those that are in libcurl's hands. Used by the loop's
/// thread only.
///
/// ```
/// start ─► ConnectionQueue ─► CurlMulti ─► ended: by libcurl, by a stall, or abandoned
///              │ waits too long               │ a waiting one takes the place
///              ▼                              ▼
///            ended                    CurlHandle is used again
/// ```
struct ActiveTransfers {
  private enum Place {
    case waiting(any CurlTransfer, since: ContinuousClock.Instant)
    case running(CurlHandle)
  }

  private let settings: LoopSettings
  private let multi: CurlMulti
  private var places: [ObjectIdentifier: Place] = [:]
  private var queue: ConnectionQueue<ObjectIdentifier>
  /// When to look whether a transfer waits too long or has stalled. What has ended meanwhile is not there any more.
  private var deadlines = DeadlineHeap<ObjectIdentifier>()
  private var doubtful = PeersInDoubt()
  private var idleHandles: [CurlHandle] = []
  /// More are not kept: each has some kilobytes.
  private static let maximumIdleHandles = 256

  init(settings: LoopSettings, multi: CurlMulti) {
    self.settings = settings
    self.multi = multi
    queue = ConnectionQueue(settings.limits)
  }

  /// When to call `advance` although nothing happened.
  var nextDeadline: ContinuousClock.Instant? { deadlines.next }

  mutating func start(_ transfer: any CurlTransfer) {
    guard !transfer.hasEnded else { return }
    let (identifier, now) = (ObjectIdentifier(transfer), ContinuousClock.now)
    if queue.enter(identifier, host: transfer.peer) {
      run(transfer, since: now)
      startWaiting()
    } else {
      places[identifier] = .waiting(transfer, since: now)
      deadlines.add(identifier, at: now + Self.longestWait(transfer))
    }
  }

  mutating func resume(_ transfer: any CurlTransfer) {
    guard case .running(let handle) = places[ObjectIdentifier(transfer)] else { return }
    handle.lastActivity = .now
    transfer.willResume()
    _ = curl_shim_resume(handle.easy)
  }

  mutating func abandon(_ transfer: any CurlTransfer) {
    remove(ObjectIdentifier(transfer))
    startWaiting()
  }

  /// Does what is due, and ends what libcurl has brought to its end.
  mutating func advance() {
    multi.runTimer()
    if !multi.isSound {
      endAll { TransferError(code: .connectionLost, message: "the connection to \($0) was lost") }
    }
    while let (handle, result) = multi.nextEnded() {
      guard let transfer = handle.transfer else { continue }
      transfer.didFinish(result)
      end(transfer, handle.outcome(of: result, peer: transfer.peer), isFinished: true)
    }
    let now = ContinuousClock.now
    while let identifier = deadlines.popDue(now) { checkDeadline(of: identifier, now: now) }
    startWaiting()
  }

  mutating func endAll(_ error: (_ peer: String) -> TransferError) {
    // Those that wait go first, so that no place is taken that becomes free.
    for case .waiting(let transfer, _) in Array(places.values) { end(transfer, .failure(error(transfer.peer))) }
    for case .running(let handle) in Array(places.values) {
      if let transfer = handle.transfer { end(transfer, .failure(error(transfer.peer))) }
    }
    multi.didRemoveAll()
  }

  private static func longestWait(_ transfer: any CurlTransfer) -> Duration {
    transfer.limits.total ?? transfer.limits.connect
  }

  // MARK: Beginning

  private mutating func startWaiting() {
    while let identifier = queue.next() {
      guard case .waiting(let transfer, let since) = places[identifier] else { continue }
      run(transfer, since: since)
    }
  }

  /// Begins a transfer that has been let in.
  private mutating func run(_ transfer: any CurlTransfer, since: ContinuousClock.Instant) {
    let (identifier, now) = (ObjectIdentifier(transfer), ContinuousClock.now)
    let remaining = transfer.limits.total.map { $0 - (now - since) }
    guard let handle = idleHandles.popLast() ?? CurlHandle(settings) else {
      places[identifier] = nil
      queue.leave(host: transfer.peer)
      _ = transfer.end(.failure(Self.outOfMemory))
      return
    }
    handle.prepare(transfer, remaining: remaining, isFresh: doubtful.contains(transfer.peer, now: now))
    places[identifier] = .running(handle)
    guard multi.add(handle) else {
      end(transfer, .failure(Self.outOfMemory))
      return
    }
    if let stall = transfer.limits.stall { deadlines.add(identifier, at: now + stall) }
  }

  private static let outOfMemory = TransferError(code: .connectionLost, message: "not enough memory for a transfer")

  // MARK: Ending

  /// - Parameter isFinished: by libcurl.
  private mutating func end(
    _ transfer: any CurlTransfer, _ outcome: Result<Void, TransferError>, isFinished: Bool = false
  ) {
    if case .failure(let error) = outcome, error.code == .timedOut, case .running = places[ObjectIdentifier(transfer)] {
      let now = ContinuousClock.now
      doubtful.add(transfer.peer, until: now + settings.peerTimeouts.unacknowledged, now: now)
    }
    _ = transfer.end(outcome)
    remove(ObjectIdentifier(transfer), isFinished: isFinished)
  }

  private mutating func remove(_ identifier: ObjectIdentifier, isFinished: Bool = false) {
    switch places.removeValue(forKey: identifier) {
    case .waiting(let transfer, _): queue.remove(identifier, host: transfer.peer)
    case .running(let handle):
      if !isFinished && handle.transfer?.mustAbort == true { multi.run(handle) }
      multi.remove(handle)
      if let transfer = handle.transfer { queue.leave(host: transfer.peer) }
      handle.reset()
      if idleHandles.count < Self.maximumIdleHandles { idleHandles.append(handle) }
    case nil: break
    }
  }

  private mutating func checkDeadline(of identifier: ObjectIdentifier, now: ContinuousClock.Instant) {
    switch places[identifier] {
    case .waiting(let transfer, let since):
      let limit = Self.longestWait(transfer)
      guard since + limit <= now else {
        deadlines.add(identifier, at: since + limit)
        return
      }
      let message = "timed out: no connection to \(transfer.peer) was free for \(limit)"
      end(transfer, .failure(TransferError(code: .timedOut, message: message)))
    case .running(let handle):
      guard let transfer = handle.transfer, let stall = transfer.limits.stall else { return }
      // A reader that is behind is not a stalled peer.
      if transfer.isPaused { handle.lastActivity = now }
      guard handle.lastActivity + stall <= now else {
        deadlines.add(identifier, at: handle.lastActivity + stall)
        return
      }
      let message = "timed out: \(transfer.peer) sent nothing for \(stall)"
      end(transfer, .failure(TransferError(code: .timedOut, message: message)))
    case nil: break
    }
  }
}
