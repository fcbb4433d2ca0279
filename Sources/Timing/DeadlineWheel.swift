import Synchronization

/// Calls many things back once their time is over, with one timer for all of them: where thousands of requests begin in a second and nearly
/// none of them is late, a timer for each costs more than the requests, and stays for its whole time even where it was called off.
///
/// Times are counted in ticks: nothing is called early, and nothing later than a tick after its time.
public final class DeadlineWheel: Sendable {
  /// What `schedule` gives for calling it off.
  public struct Ticket: Sendable, Hashable {
    fileprivate var tick: Int64
    fileprivate var number: UInt64
  }

  private struct State {
    var calls: [Int64: [UInt64: @Sendable () -> Void]] = [:]
    var next: UInt64 = 0
    var isTurning = false
  }

  /// For everything that needs no clock of its own.
  public static let shared = DeadlineWheel(clock: ContinuousClock())

  private let tick: Duration
  private let elapsed: @Sendable () -> Duration
  private let sleep: @Sendable (Duration) async -> Void
  private let state = Mutex(State())

  public init<C: Clock<Duration>>(clock: C, tick: Duration = .milliseconds(250)) {
    self.tick = tick
    let start = clock.now
    elapsed = { start.duration(to: clock.now) }
    sleep = { try? await clock.sleep(for: $0) }
  }

  /// How many wait.
  public var count: Int { state.withLock { $0.calls.values.reduce(0) { $0 + $1.count } } }

  /// - Parameter call: is called once, unless it is called off before; it must not wait for anything.
  public func schedule(after duration: Duration, _ call: @escaping @Sendable () -> Void) -> Ticket {
    // The end of the tick in which it falls.
    let due = Int64((elapsed() + duration) / tick) + 1
    let (ticket, mustTurn) = state.withLock { state in
      state.next += 1
      state.calls[due, default: [:]][state.next] = call
      defer { state.isTurning = true }
      return (Ticket(tick: due, number: state.next), !state.isTurning)
    }
    if mustTurn { Task { await turn() } }
    return ticket
  }

  public func cancel(_ ticket: Ticket) {
    state.withLock { state in
      state.calls[ticket.tick]?[ticket.number] = nil
      if state.calls[ticket.tick]?.isEmpty == true { state.calls[ticket.tick] = nil }
    }
  }

  /// Until nothing waits any more.
  private func turn() async {
    while true {
      await sleep(tick)
      let now = Int64(elapsed() / tick)
      let due = state.withLock { state -> [@Sendable () -> Void]? in
        if state.calls.isEmpty {
          state.isTurning = false
          return nil
        }
        // There are no more ticks than the longest time has.
        return state.calls.keys.filter { $0 <= now }.sorted().flatMap { key in
          (state.calls.removeValue(forKey: key) ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        }
      }
      guard let due else { return }
      for call in due { call() }
    }
  }
}
