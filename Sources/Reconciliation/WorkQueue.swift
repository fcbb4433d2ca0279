import Synchronization
public import Timing

/// `WorkQueueState` shared between tasks: adds come from anywhere, workers wait for keys with `next()`.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
  public typealias Item = WorkQueueState<Key>.Item

  private struct Waiter {
    let id: UInt64
    let continuation: CheckedContinuation<Item?, Never>
  }

  private struct Protected: ~Copyable {
    var state: WorkQueueState<Key>
    var waiters: [Waiter] = []
    var nextWaiter: UInt64 = 0
    var isShutDown = false
    /// Sleeps until the earliest deadline.
    var alarm: (deadline: Duration, task: Task<Void, Never>)?
  }

  private let protected: Mutex<Protected>
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Duration
  private let random: @Sendable () -> Double
  private let metrics: WorkQueueMetrics

  /// - Parameters:
  ///   - name: the value of the metrics' labels.
  ///   - random: from 0 to below 1, for the jitter of `backoff`.
  public init(
    name: String, backoff: Backoff = Backoff(), clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction
  ) {
    self.protected = Mutex(Protected(state: WorkQueueState(backoff: backoff)))
    self.clock = clock
    self.now = MonotonicTime(clock).uptime
    self.random = random
    self.metrics = WorkQueueMetrics(name: name)
  }

  deinit { protected.withLock { $0.alarm?.task.cancel() } }

  /// The keys that are ready and unserved.
  public var depth: Int { protected.withLock { $0.state.readyCount } }

  /// The keys that are ready, waiting for their time, or worked on.
  public var count: Int { protected.withLock { $0.state.count } }

  /// Asks for a pass over `key` as soon as a worker is free; ignored after `shutDown()`.
  /// - Parameter generation: the object's generation, where known; a new one resets the key's backoff.
  public func add(_ key: Key, priority: WorkPriority = .normal, generation: Int64? = nil) {
    change { state, now in
      if state.add(key, priority: priority, generation: generation, now: now) { metrics.added() }
    }
  }

  /// Asks for a pass over `key` after `delay`, or sooner where one is due sooner; ignored after `shutDown()`.
  public func add(_ key: Key, priority: WorkPriority = .normal, after delay: Duration) {
    change { state, now in
      state.add(key, priority: priority, at: now + delay, now: now)
      metrics.added()
    }
  }

  /// Waits for a key; nil once the queue is shut down or the task is cancelled. The caller gives the key back with
  /// `finish(_:_:)`.
  public func next() async -> Item? {
    let id = protected.withLock { protected in
      protected.nextWaiter += 1
      return protected.nextWaiter
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waiter = Waiter(id: id, continuation: continuation)
        let answer: Item?? = protected.withLock { protected in
          if protected.isShutDown || Task.isCancelled { return .some(nil) }
          if let item = take(&protected, now: now()) { return item }
          protected.waiters.append(waiter)
          arm(&protected, now: now())
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = protected.withLock { protected in
        protected.waiters.firstIndex { $0.id == id }.map { protected.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume(returning: nil)
    }
  }

  /// Gives back a key from `next()`, saying how the work on it ended. After a failure the key comes again once its
  /// backoff has passed.
  public func finish(_ item: Item, _ outcome: ReconcileOutcome) {
    let key = item.key
    change(evenWhenShutDown: true) { state, now in
      // A person waits for the first answer to what they did, not for every repetition after it.
      let priority = min(item.priority, .normal)
      switch outcome {
      case .done, .terminal: state.forget(key)
      case .requeue(let delay):
        state.forget(key)
        state.add(key, priority: priority, at: now + delay, now: now)
      case .retry:
        state.retry(key, priority: priority, now: now, random: random())
        metrics.retried()
      }
      state.done(key, now: now)
      metrics.finished(after: now - item.handedOutAt)
    }
  }

  /// Ends the queue: every `next()` that waits or comes later returns nil, adds are ignored.
  public func shutDown() {
    let waiters = protected.withLock { protected in
      protected.isShutDown = true
      protected.alarm?.task.cancel()
      protected.alarm = nil
      let waiters = protected.waiters
      protected.waiters = []
      return waiters
    }
    for waiter in waiters { waiter.continuation.resume(returning: nil) }
  }
}

extension WorkQueue {
  /// Changes the state, then hands what is ready to the workers that wait.
  private func change(evenWhenShutDown: Bool = false, _ body: (inout WorkQueueState<Key>, Duration) -> Void) {
    let deliveries = protected.withLock { protected -> [(Waiter, Item)] in
      guard !protected.isShutDown || evenWhenShutDown else { return [] }
      let now = now()
      body(&protected.state, now)
      let deliveries = deliver(&protected, now: now)
      metrics.depthChanged(to: protected.state.readyCount)
      return deliveries
    }
    for (waiter, item) in deliveries { waiter.continuation.resume(returning: item) }
  }

  private func deliver(_ protected: inout Protected, now: Duration) -> [(Waiter, Item)] {
    guard !protected.isShutDown else { return [] }
    var deliveries: [(Waiter, Item)] = []
    while !protected.waiters.isEmpty, let item = take(&protected, now: now) {
      deliveries.append((protected.waiters.removeLast(), item))
    }
    arm(&protected, now: now)
    return deliveries
  }

  private func take(_ protected: inout Protected, now: Duration) -> Item? {
    guard let item = protected.state.next(now: now) else { return nil }
    metrics.handedOut(queuedFor: item.queuedFor)
    metrics.depthChanged(to: protected.state.readyCount)
    return item
  }

  /// Sees to it that somebody wakes at the earliest deadline while workers wait.
  private func arm(_ protected: inout Protected, now: Duration) {
    guard !protected.waiters.isEmpty, let deadline = protected.state.nextDeadline else { return }
    if let alarm = protected.alarm {
      if alarm.deadline <= deadline { return }
      alarm.task.cancel()
    }
    let clock = clock
    let task = Task { [weak self] in
      try? await clock.sleep(for: deadline - now)
      if !Task.isCancelled { self?.ring(deadline) }
    }
    protected.alarm = (deadline, task)
  }

  private func ring(_ deadline: Duration) {
    let deliveries = protected.withLock { protected -> [(Waiter, Item)] in
      if protected.alarm?.deadline == deadline { protected.alarm = nil }
      return deliver(&protected, now: now())
    }
    for (waiter, item) in deliveries { waiter.continuation.resume(returning: item) }
  }
}
