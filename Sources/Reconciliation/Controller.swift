public import Logging
import Synchronization
public import Timing

/// Runs passes over the keys of a work queue, several at a time and never two over one key.
///
/// A pass reads the state of the world anew, takes a step towards what is desired, and says how it ended. What it
/// throws is caught and counts as `ReconcileOutcome.retry`.
public final class Controller<Key: ReconcileKey>: Sendable {
  public typealias Reconcile = @Sendable (Key) async throws -> ReconcileOutcome

  public let configuration: ControllerConfiguration
  /// Where watches and timers add keys; open before `run()` begins.
  public let queue: WorkQueue<Key>

  private struct Running {
    var isStopping = false
    var workers: Task<Void, Never>?
    var grace: Task<Void, Never>?
  }

  private let running = Mutex(Running())
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Duration
  private let logger: Logger
  private let makeID: @Sendable () -> String
  private let reconcile: Reconcile
  private let metrics: ControllerMetrics

  /// - Parameters:
  ///   - clock: for backoff, delays, timeouts and durations.
  ///   - random: from 0 to below 1, for the jitter of the backoff.
  ///   - makeID: gives each pass its `reconcileID`.
  ///   - reconcile: one pass over one key. It should end soon after its task is cancelled.
  public init(
    _ configuration: ControllerConfiguration, logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction,
    makeID: @escaping @Sendable () -> String = randomReconcileID, reconcile: @escaping Reconcile
  ) {
    self.configuration = configuration
    self.queue = WorkQueue(name: configuration.name, backoff: configuration.backoff, clock: clock, random: random)
    self.clock = clock
    self.now = MonotonicTime(clock).uptime
    self.logger = logger
    self.makeID = makeID
    self.reconcile = reconcile
    self.metrics = ControllerMetrics(controller: configuration.name, workers: configuration.workers)
  }

  /// Works until `stop()` is called or the task is cancelled; both let running passes end within
  /// `ControllerConfiguration.stopGrace` and then cancel them. Returns when no pass runs any more. To be called once.
  public func run() async {
    await withTaskCancellationHandler {
      // Not a child task: cancelling this one must not cut short the passes that run.
      let workers = Task { await work() }
      running.withLock { $0.workers = workers }
      await workers.value
      running.withLock { $0.grace?.cancel() }
    } onCancel: {
      stop()
    }
  }

  /// Begins a graceful stop: no further pass starts, and `run()` returns when those that run have ended.
  public func stop() {
    queue.shutDown()
    running.withLock { running in
      guard !running.isStopping else { return }
      running.isStopping = true
      running.grace = Task { [clock, configuration, weak self] in
        try? await clock.sleep(for: configuration.stopGrace)
        if !Task.isCancelled { self?.cancelPasses() }
      }
    }
  }

  /// Stops at once: no further pass starts, and those that run are cancelled.
  public func cancel() {
    stop()
    cancelPasses()
  }

  private func cancelPasses() {
    let workers = running.withLock { $0.workers }
    workers?.cancel()
  }

  private var isStopping: Bool { running.withLock { $0.isStopping } }

  private func work() async {
    await withDiscardingTaskGroup { group in
      for _ in 0..<configuration.workers {
        group.addTask {
          while let item = await self.queue.next() {
            self.queue.finish(item, await self.pass(over: item))
          }
        }
      }
    }
  }
}

extension Controller {
  private func pass(over item: WorkQueue<Key>.Item) async -> ReconcileOutcome {
    let context = ReconcileContext(
      controller: configuration.name, namespace: item.key.namespace, name: item.key.name, reconcileID: makeID(),
      failures: item.failures)
    let began = now()
    metrics.passBegan()
    let outcome = await ReconcileContext.$current.withValue(context) { await bounded(item.key) }
    let duration = now() - began
    metrics.passEnded(outcome, after: duration)
    log(outcome, context, after: duration)
    return outcome
  }

  /// The pass, cancelled when its time is over. A cancelled pass is waited for: until it has ended, no other may begin.
  private func bounded(_ key: Key) async -> ReconcileOutcome {
    do {
      guard let limit = configuration.passTimeout else { return try await reconcile(key) }
      return try await withTimeout(limit, clock: clock) { try await self.reconcile(key) }
        ?? .retry(ReconcileTimeout(limit: limit))
    } catch {
      return .retry(error)
    }
  }

  private func log(_ outcome: ReconcileOutcome, _ context: ReconcileContext, after duration: Duration) {
    var metadata = context.metadata
    metadata["duration"] = .stringConvertible(duration / .seconds(1))
    switch outcome {
    case .done: logger.debug("Reconciled", metadata: metadata)
    case .requeue(let delay):
      metadata["requeueAfter"] = .stringConvertible(delay / .seconds(1))
      logger.debug("Reconciled, to be looked at again", metadata: metadata)
    case .retry(let error):
      metadata["error"] = .string(String(describing: error))
      if error is CancellationError && isStopping {
        logger.info("Reconciliation cancelled by the stop", metadata: metadata)
      } else {
        logger.error("Reconciler error", metadata: metadata)
      }
    case .terminal(let error):
      metadata["error"] = .string(String(describing: error))
      logger.error("Reconciler error, not retried", metadata: metadata)
    }
  }
}

/// A random UUID (version 4).
@Sendable public func randomReconcileID() -> String {
  let high = UInt64.random(in: .min ... .max) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
  let low = UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
  let digits = [high, low].map { half in
    let text = String(half, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }
  let (first, second) = (Substring(digits[0]), Substring(digits[1]))
  return [first.prefix(8), first.dropFirst(8).prefix(4), first.suffix(4), second.prefix(4), second.suffix(12)]
    .joined(separator: "-")
}
