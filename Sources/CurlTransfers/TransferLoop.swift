import CLibCurl
import Glibc
import Synchronization

/// What is the same for all transfers of a loop.
package struct LoopSettings: Sendable {
  package var peerTimeouts: PeerTimeouts
  package var limits: ClientConnectionLimits
  package var addresses: AddressPolicy
  /// The addresses of names, in the form of libcurl's CURLOPT_RESOLVE (`host:port:address,address`), asked for each
  /// transfer. Other names are resolved by the system. For tests, where a name has to change its addresses.
  package var knownHosts: @Sendable () -> [String]

  package init(
    peerTimeouts: PeerTimeouts = PeerTimeouts(), limits: ClientConnectionLimits = ClientConnectionLimits(),
    addresses: AddressPolicy = .unrestricted, knownHosts: @escaping @Sendable () -> [String] = { [] }
  ) {
    self.peerTimeouts = peerTimeouts
    self.limits = limits
    self.addresses = addresses
    self.knownHosts = knownHosts
  }
}

/// The thread that owns libcurl's handles and sockets. Others leave commands for it and wake it; it sleeps while nothing
/// moves.
///
/// No wake-up gets lost. Whoever leaves the first command signals, under the lock under which the thread takes them all;
/// the thread clears the signal before it takes, never after. So a command is either taken with those before it, or finds
/// none and signals.
package final class TransferLoop: Sendable {
  package enum Command: Sendable {
    case start(any CurlTransfer)
    /// The reader has caught up.
    case resume(any CurlTransfer)
    /// The transfer has ended for its waiters; its connection is to be given up.
    case abandon(any CurlTransfer)
  }

  private enum Phase {
    case idle
    case running(WakeUp)
    case stopping
    case stopped
  }

  private struct State {
    var phase = Phase.idle
    var inbox: [Command] = []
    var stopWaiters: [CheckedContinuation<Void, Never>] = []
  }

  private let settings: LoopSettings
  private let state = Mutex(State())

  package init(_ settings: LoopSettings) { self.settings = settings }

  /// Hands a command to the thread, which the first one starts.
  package func submit(_ command: Command) {
    let refusal = state.withLock { state -> String? in
      switch state.phase {
      case .idle:
        // Only a start has anything to do; the others speak of a transfer that has begun.
        guard case .start = command else { return nil }
        guard let wakeUp = startThread() else { return "cannot start a thread for transfers" }
        state.phase = .running(wakeUp)
        state.inbox = [command]
        return nil
      case .running(let wakeUp):
        state.inbox.append(command)
        if state.inbox.count == 1 { wakeUp.signal() }
        return nil
      case .stopping, .stopped:
        return "the client is shut down"
      }
    }
    if let refusal, case .start(let transfer) = command {
      _ = transfer.end(.failure(TransferError(code: .cancelled, message: refusal)))
    }
  }

  /// Submits a transfer and returns when `reached` does. Cancelling the task ends the transfer at once for its waiters,
  /// and its connection soon after.
  package func run(_ transfer: any CurlTransfer, until reached: () async -> Void) async {
    await withTaskCancellationHandler {
      submit(.start(transfer))
      await reached()
    } onCancel: {
      cancel(transfer)
    }
  }

  /// Ends the transfer at once for its waiters, and its connection soon after; nothing if it has ended.
  package func cancel(_ transfer: any CurlTransfer) {
    if transfer.end(.failure(.cancelled(peer: transfer.peer))) { submit(.abandon(transfer)) }
  }

  /// Fails what is under way and ends the thread.
  package func stop() {
    state.withLock { state in
      switch state.phase {
      case .idle:
        state.phase = .stopped
      case .running(let wakeUp):
        state.phase = .stopping
        wakeUp.signal()
      case .stopping, .stopped:
        break
      }
    }
  }

  /// Returns when the thread has ended; `stop()` comes first.
  package func waitUntilStopped() async {
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
    let multi: CurlMulti

    init(loop: TransferLoop, multi: CurlMulti) {
      self.loop = loop
      self.multi = multi
    }
  }

  private func startThread() -> WakeUp? {
    guard let wakeUp = WakeUp(), let multi = CurlMulti(settings.limits, wakeUp: wakeUp) else { return nil }
    let context = Unmanaged.passRetained(ThreadContext(loop: self, multi: multi))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    var thread = pthread_t()
    let result = pthread_create(
      &thread, &attributes,
      { raw in
        if let raw { TransferLoop.runThread(raw) }
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      context.release()
      return nil
    }
    return wakeUp
  }

  private static func runThread(_ raw: UnsafeMutableRawPointer) {
    let loop = {
      let context = Unmanaged<ThreadContext>.fromOpaque(raw).takeRetainedValue()
      context.loop.run(context.multi)
      return context.loop
    }()
    // The connections went with the context.
    loop.didStop()
  }

  private func run(_ multi: CurlMulti) {
    // The program's signals are for its other threads; SIGPIPE of a lost TLS connection stays pending here, unseen.
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    var transfers = ActiveTransfers(settings: settings, multi: multi)
    while let commands = takeCommands() {
      for command in commands {
        switch command {
        case .start(let transfer): transfers.start(transfer)
        case .resume(let transfer): transfers.resume(transfer)
        case .abandon(let transfer): transfers.abandon(transfer)
        }
      }
      transfers.advance()
      multi.wait(until: transfers.nextDeadline)
    }
    transfers.endAll { .cancelled(peer: $0) }
  }

  /// Nil when the thread is to end.
  private func takeCommands() -> [Command]? {
    state.withLock { state in
      guard case .running = state.phase else { return nil }
      defer { state.inbox = [] }
      return state.inbox
    }
  }

  private func didStop() {
    let (leftovers, waiters) = state.withLock { state in
      state.phase = .stopped
      defer { (state.inbox, state.stopWaiters) = ([], []) }
      return (state.inbox, state.stopWaiters)
    }
    for case .start(let transfer) in leftovers {
      _ = transfer.end(.failure(.cancelled(peer: transfer.peer)))
    }
    for waiter in waiters { waiter.resume() }
  }
}
