public import Logging
import Synchronization
public import Timing

/// Repeats one pass: when it is woken, and when the pass said that something is due. A pass that fails is repeated after
/// a backoff, whatever happens meanwhile, so that a database that is away is not asked in a tight loop.
public final class DueLoop: Sendable {
  /// What follows a pass.
  public enum Next: Sendable, Hashable {
    /// The next pass. Only after progress: a pass that found nothing to do must not ask for this.
    case now
    /// A pass after this time, or once the loop is woken if that comes sooner.
    case after(Duration)
    /// A pass once the loop is woken.
    case whenWoken
    /// None; `run` returns.
    case finish
  }

  private struct State {
    /// Woken since the last pass began.
    var isWoken = false
    var isStopped = false
    var waiter: Waiter?
    var waits: UInt64 = 0
  }

  private struct Waiter {
    var id: UInt64
    /// False during a backoff, which only a stop cuts short.
    var canBeWoken: Bool
    var continuation: CheckedContinuation<Void, Never>
  }

  private let state = Mutex(State())
  private let longestWait: Duration
  private let backoff: Backoff
  private let clock: any Clock<Duration>
  private let random: @Sendable () -> Double
  private let logger: Logger

  /// - Parameters:
  ///   - longestWait: after which there is a pass even if nothing was due and nobody woke the loop, since a signal may
  ///     get lost.
  ///   - backoff: after passes that failed in a row.
  ///   - random: from 0 to below 1, for the jitter of the backoff.
  ///   - logger: says in its metadata whose loop this is.
  public init(
    longestWait: Duration, backoff: Backoff, clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger
  ) {
    self.longestWait = longestWait
    self.backoff = backoff
    self.clock = clock
    self.random = random
    self.logger = logger
  }

  /// Asks for a pass that begins after this call. Many calls may lead to one pass.
  public func wake() {
    let waiter = state.withLock { state -> Waiter? in
      state.isWoken = true
      guard let waiter = state.waiter, waiter.canBeWoken else { return nil }
      state.waiter = nil
      return waiter
    }
    waiter?.continuation.resume()
  }

  /// Ends the loop: a pass that runs goes on to its end, and no other begins.
  public func stop() {
    let waiter = state.withLock { state in
      state.isStopped = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.continuation.resume()
  }

  /// Begins with a pass, and returns after `stop()`, after `Next.finish`, or when the task is cancelled, which the pass
  /// notices like any code of the task. To be called once.
  public func run(_ pass: @Sendable () async throws -> Next) async {
    var failures = 0
    while begin() {
      do {
        let next = try await pass()
        failures = 0
        switch next {
        case .now: await Task.yield()
        case .after(let delay): await wait(min(delay, longestWait), canBeWoken: true)
        case .whenWoken: await wait(longestWait, canBeWoken: true)
        case .finish: return
        }
      } catch {
        failures += 1
        let delay = backoff.delay(failures: failures, random: random())
        if !Task.isCancelled {
          logger.error(
            "a pass failed and will be repeated",
            metadata: [
              "error": "\(error)", "failures": .stringConvertible(failures),
              "delay": .stringConvertible(delay / .seconds(1)),
            ])
        }
        await wait(delay, canBeWoken: false)
      }
    }
  }

  private func begin() -> Bool {
    state.withLock { state in
      state.isWoken = false
      return !state.isStopped
    } && !Task.isCancelled
  }

  private func wait(_ duration: Duration, canBeWoken: Bool) async {
    let id = state.withLock { state in
      state.waits += 1
      return state.waits
    }
    let alarm = Task { [clock, weak self] in
      try? await clock.sleep(for: max(duration, .zero))
      self?.endWait(id)
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if Task.isCancelled || state.isStopped || canBeWoken && state.isWoken || state.waits != id { return true }
          state.waiter = Waiter(id: id, canBeWoken: canBeWoken, continuation: continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      endWait(id)
    }
    alarm.cancel()
  }

  private func endWait(_ id: UInt64) {
    let waiter = state.withLock { state -> Waiter? in
      guard state.waits == id else { return nil }
      // The wait may not have begun yet.
      state.waits += 1
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.continuation.resume()
  }
}
