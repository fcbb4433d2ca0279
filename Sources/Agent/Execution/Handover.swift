import Synchronization

/// How an Agent gives its work to another one that runs beside it: it ends its passes and lets go of the lease, and for a
/// while does not ask for it again. Until then it stands by, so that it is still there should the other one fail.
public final class Handover: Sendable {
  private struct State {
    var stop: (@Sendable () -> Void)?
    var isRequested = false
    var offers: [String: Int] = [:]
  }

  private let state = Mutex(State())

  public init() {}

  /// - Parameter stop: begins the end of the work; called at most once, and must return at once.
  func begin(stop: @escaping @Sendable () -> Void) {
    state.withLock { $0.stop = stop }
  }

  /// To be called when the work has ended.
  /// - Returns: whether it ended for a handover.
  func end() -> Bool {
    state.withLock { state in
      defer { (state.stop, state.isRequested) = (nil, false) }
      return state.isRequested
    }
  }

  /// Asks for the work to end in favour of `successor`.
  func offer(to successor: String) {
    let stop = state.withLock { state in
      state.isRequested = true
      state.offers[successor, default: 0] += 1
      defer { state.stop = nil }
      return state.stop
    }
    stop?()
  }

  /// How often this Agent has given its work to `successor`, and got it back.
  func offers(to successor: String) -> Int { state.withLock { $0.offers[successor] ?? 0 } }
}
