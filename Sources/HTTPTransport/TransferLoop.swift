import CLibCurl
import Glibc
import Synchronization

/// The thread that owns libcurl's multi handle. Others leave commands for it and wake it; it sleeps while nothing moves.
final class TransferLoop: Sendable {
  enum Command: Sendable {
    case start(Transfer)
    /// The reader has caught up.
    case resume(Transfer)
    /// The transfer is finished for its waiters; its connection is to be given up.
    case abandon(Transfer)
  }

  private enum Phase {
    case idle
    /// The handle is here for `curl_multi_wakeup`, the one function that may be called from any thread, under the lock.
    case running(multi: UnsafeMutableRawPointer)
    case stopping(multi: UnsafeMutableRawPointer)
    case stopped
  }

  private struct State {
    var phase = Phase.idle
    var inbox: [Command] = []
    var stopWaiters: [CheckedContinuation<Void, Never>] = []
  }

  private let userAgent: String
  private let peerTimeouts: PeerTimeouts
  private let state = Mutex(State())

  init(userAgent: String, peerTimeouts: PeerTimeouts) {
    self.userAgent = userAgent
    self.peerTimeouts = peerTimeouts
  }

  /// Hands a command to the thread, which the first one starts.
  func submit(_ command: Command) {
    let refusal = state.withLock { state -> String? in
      switch state.phase {
      case .idle:
        // Only a start has anything to do; the others speak of a transfer that has begun.
        guard case .start = command else { return nil }
        guard let multi = startThread() else { return "cannot start a thread for HTTP transfers" }
        state.phase = .running(multi: multi)
        state.inbox = [command]
        return nil
      case .running(let multi):
        state.inbox.append(command)
        if state.inbox.count == 1 { _ = curl_multi_wakeup(multi) }
        return nil
      case .stopping, .stopped:
        return "the HTTP client is shut down"
      }
    }
    if let refusal, case .start(let transfer) = command {
      transfer.finish(.failure(HTTPTransportError(code: .cancelled, message: refusal)))
    }
  }

  /// Ends the transfer at once for its waiters, and its connection soon after; nothing if it has ended.
  func cancel(_ transfer: Transfer) {
    let error = HTTPTransportError.cancelled(peer: transfer.target.peer)
    if transfer.finish(.failure(error), isDiscardingBody: true) { submit(.abandon(transfer)) }
  }

  /// Fails what is under way and ends the thread.
  func stop() {
    state.withLock { state in
      switch state.phase {
      case .idle:
        state.phase = .stopped
      case .running(let multi):
        state.phase = .stopping(multi: multi)
        _ = curl_multi_wakeup(multi)
      case .stopping, .stopped:
        break
      }
    }
  }

  /// Returns when the thread has ended; `stop()` comes first.
  func waitUntilStopped() async {
    await withCheckedContinuation { continuation in
      let isStopped = state.withLock { state in
        if case .stopped = state.phase { return true }
        state.stopWaiters.append(continuation)
        return false
      }
      if isStopped { continuation.resume() }
    }
  }

  // MARK: The thread

  private final class ThreadContext {
    let loop: TransferLoop
    let multi: UnsafeMutableRawPointer

    init(loop: TransferLoop, multi: UnsafeMutableRawPointer) {
      self.loop = loop
      self.multi = multi
    }
  }

  private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  private func startThread() -> UnsafeMutableRawPointer? {
    guard Self.isLibraryReady, let multi = curl_multi_init() else { return nil }
    let context = Unmanaged.passRetained(ThreadContext(loop: self, multi: multi))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    var thread = pthread_t()
    let result = pthread_create(
      &thread, &attributes,
      { raw in
        guard let raw else { return nil }
        let context = Unmanaged<ThreadContext>.fromOpaque(raw).takeRetainedValue()
        context.loop.run(context.multi)
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      context.release()
      curl_multi_cleanup(multi)
      return nil
    }
    return multi
  }

  private func run(_ multi: UnsafeMutableRawPointer) {
    // The program's signals are for its other threads; SIGPIPE of a lost TLS connection stays pending here, unseen.
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    var transfers = ActiveTransfers(multi: multi, userAgent: userAgent, peerTimeouts: peerTimeouts)
    while let commands = takeCommands() {
      for command in commands {
        switch command {
        case .start(let transfer): transfers.start(transfer)
        case .resume(let transfer): transfers.resume(transfer)
        case .abandon(let transfer): transfers.abandon(transfer)
        }
      }
      transfers.advance()
      _ = curl_multi_poll(multi, nil, 0, transfers.pollMilliseconds(), nil)
    }

    transfers.failAll { .cancelled(peer: $0) }
    // Under the lock: nobody may wake a handle that is gone, nor find the loop stopped before its connections are closed.
    let (leftovers, waiters) = state.withLock { state in
      curl_multi_cleanup(multi)
      state.phase = .stopped
      defer { (state.inbox, state.stopWaiters) = ([], []) }
      return (state.inbox, state.stopWaiters)
    }
    for case .start(let transfer) in leftovers {
      transfer.finish(.failure(.cancelled(peer: transfer.target.peer)))
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Nil when the thread is to end.
  private func takeCommands() -> [Command]? {
    state.withLock { state in
      guard case .running = state.phase else { return nil }
      defer { state.inbox = [] }
      return state.inbox
    }
  }
}
