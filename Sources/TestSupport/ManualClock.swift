import Synchronization

/// A clock that stands still until a test moves it. Sleeping on it can be cancelled like any sleep.
///
/// A test waits with `waitForSleepers(_:)` until the code under test sleeps, then moves the clock; it never sleeps itself.
public final class ManualClock: Clock {
  public struct Instant: InstantProtocol {
    /// Since the clock was made.
    public var offset: Duration

    public init(offset: Duration) { self.offset = offset }

    public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    public func duration(to other: Instant) -> Duration { other.offset - offset }
    public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
  }

  private struct Sleeper {
    let id: UInt64
    let deadline: Instant
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct Observer {
    /// Given when the sleepers wake, the earliest first.
    let isSatisfied: @Sendable ([Instant]) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var now = Instant(offset: .zero)
    var nextID: UInt64 = 0
    /// The earliest deadline first.
    var sleepers: [Sleeper] = []
    var observers: [Observer] = []

    mutating func takeSatisfiedObservers() -> [Observer] {
      let deadlines = sleepers.map(\.deadline)
      let satisfied = observers.filter { $0.isSatisfied(deadlines) }
      observers.removeAll { $0.isSatisfied(deadlines) }
      return satisfied
    }
  }

  private let state = Mutex(State())

  public init() {}

  public var now: Instant { state.withLock { $0.now } }
  public var minimumResolution: Duration { .nanoseconds(1) }

  /// The moment the next sleeper waits for; nil where nobody sleeps.
  public var nextDeadline: Instant? { state.withLock { $0.sleepers.first?.deadline } }

  /// How many tasks sleep.
  public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

  public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let wokeInTime = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, observers): (Bool?, [Observer]) = state.withLock { state in
          // Cancelled before it fell asleep: the handler below found nobody to wake.
          if Task.isCancelled { return (false, []) }
          if deadline <= state.now { return (true, []) }
          let index = state.sleepers.firstIndex { $0.deadline > deadline } ?? state.sleepers.endIndex
          state.sleepers.insert(Sleeper(id: id, deadline: deadline, continuation: continuation), at: index)
          return (nil, state.takeSatisfiedObservers())
        }
        if let answer { continuation.resume(returning: answer) }
        for observer in observers { observer.continuation.resume() }
      }
    } onCancel: {
      let sleeper = state.withLock { state in
        state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
      }
      sleeper?.continuation.resume(returning: false)
    }
    if !wokeInTime { throw CancellationError() }
  }

  /// Moves the clock forward and wakes who slept until then, in the order of their deadlines.
  public func advance(by duration: Duration) {
    let woken = state.withLock { state in
      state.now = state.now.advanced(by: duration)
      let woken = state.sleepers.prefix { $0.deadline <= state.now }
      state.sleepers.removeFirst(woken.count)
      return woken
    }
    for sleeper in woken { sleeper.continuation.resume(returning: true) }
  }

  /// Waits until at least so many tasks sleep on this clock.
  public func waitForSleepers(_ count: Int = 1) async { await wait { $0.count >= count } }

  /// Waits until a task sleeps on this clock until the moment that lies so long after the clock was made.
  public func waitForSleeper(until offset: Duration) async { await wait { $0.contains(Instant(offset: offset)) } }

  private func wait(until isSatisfied: @escaping @Sendable ([Instant]) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if isSatisfied(state.sleepers.map(\.deadline)) { return true }
        state.observers.append(Observer(isSatisfied: isSatisfied, continuation: continuation))
        return false
      }
      if isOver { continuation.resume() }
    }
  }
}
