public import Timing

/// The decisions of a work queue, as a value: what is queued, what waits for its time, what is being worked on.
///
/// - A key is queued once however often it is added. A key that is added while it is worked on is queued again when that
///   work is done, never before: two workers never hold one key.
/// - A key waits for at most one time. Of several delayed adds the earliest wins, and an immediate add wins over all.
/// - Failures are counted per key, while the key is queued, waiting or worked on. A key that is none of these takes no
///   memory.
///
/// Time is passed in, as the duration since a time of the caller's choice; it must not run backwards. Every operation
/// costs O(log n) at most, where n is the number of keys that wait for their time.
public struct WorkQueueState<Key: Hashable & Sendable>: Sendable {
  /// What `next(now:)` hands to a worker.
  public struct Item: Sendable, Hashable {
    public var key: Key
    public var priority: WorkPriority
    /// How long the key was ready and unserved.
    public var queuedFor: Duration
    /// How many passes over the key failed in a row before this one.
    public var failures: Int
    /// When the key was handed out.
    public var handedOutAt: Duration
  }

  public let backoff: Backoff
  /// The keys that are ready and unserved.
  public internal(set) var readyCount = 0
  /// The keys that workers hold.
  public internal(set) var processingCount = 0

  var slots: [WorkQueueSlot] = []
  /// The key of each slot; nil where the slot is free.
  var keys: [Key?] = []
  var freeSlots: [Int] = []
  var slotOfKey: [Key: Int] = [:]
  /// A binary heap of the slots that wait for their time, the earliest first.
  var deadlines: [Int] = []
  var classes = WorkPriority.allCases.map { _ in PriorityClass() }
  /// The virtual time of the queue: that of the class that was picked last, before that pick.
  var virtualTime: UInt64 = 0
  var sequence: UInt64 = 0

  public init(backoff: Backoff = Backoff()) { self.backoff = backoff }

  /// The keys that wait for their time.
  public var waitingCount: Int { deadlines.count }
  /// All keys the queue knows: ready, waiting or worked on.
  public var count: Int { slotOfKey.count }
  public var isEmpty: Bool { slotOfKey.isEmpty }

  /// The earliest time that a key waits for: when `next(now:)` may have more to give. Nil where none waits.
  public var nextDeadline: Duration? { deadlines.first.map { slots[$0].deadline } }

  /// Asks for a pass over `key` as soon as a worker is free.
  ///
  /// - Parameter generation: the object's `metadata.generation`, where the caller knows it. Another one than at the last
  ///   add resets the key's failures: what failed was an older desired state.
  /// - Returns: false where the add changed nothing, as the key was ready already with this priority or a higher one.
  @discardableResult
  public mutating func add(
    _ key: Key, priority: WorkPriority = .normal, generation: Int64? = nil, now: Duration
  ) -> Bool {
    let slot = slot(of: key, generation: generation)
    removeDeadline(slot)
    return makeReady(slot, priority: priority, now: now)
  }

  /// Asks for a pass over `key` at `deadline`, or sooner where it is ready already or waits for an earlier time.
  public mutating func add(
    _ key: Key, priority: WorkPriority = .normal, generation: Int64? = nil, at deadline: Duration, now: Duration
  ) {
    if deadline <= now {
      add(key, priority: priority, generation: generation, now: now)
      return
    }
    let slot = slot(of: key, generation: generation)
    guard !slots[slot].isReady, !slots[slot].isDirty else {
      // The pass that is already due comes sooner; it only may become more urgent.
      makeReady(slot, priority: priority, now: now)
      return
    }
    if slots[slot].isWaiting {
      slots[slot].nextPriority = max(slots[slot].nextPriority, priority)
      if deadline < slots[slot].deadline { moveDeadline(slot, earlier: deadline) }
    } else {
      slots[slot].nextPriority = priority
      insertDeadline(slot, deadline)
    }
  }

  /// Hands out the next key, which the caller must give back with `done(_:now:)`; nil where none is ready.
  ///
  /// Inside one priority the order is first come, first served. Between priorities picks are shared by
  /// `WorkPriority.weight`, with stride scheduling (see `PriorityClass`): while all three have keys waiting, 21 picks in a
  /// row hold 16 high, 4 normal and 1 low. A priority without keys saves up nothing.
  public mutating func next(now: Duration) -> Item? {
    promoteDue(now: now)
    guard let priority = nextClass(), let slot = popFirst(of: priority), let key = keys[slot] else { return nil }
    slots[slot].isReady = false
    slots[slot].isProcessing = true
    readyCount -= 1
    processingCount += 1
    return Item(
      key: key, priority: priority, queuedFor: max(now - slots[slot].readySince, .zero), failures: slots[slot].failures,
      handedOutAt: now)
  }

  /// Ends the work on a key that `next(now:)` handed out; queues the key again where it was added meanwhile.
  public mutating func done(_ key: Key, now: Duration) {
    guard let slot = slotOfKey[key], slots[slot].isProcessing else { return }
    promoteDue(now: now)
    slots[slot].isProcessing = false
    processingCount -= 1
    if slots[slot].isDirty {
      slots[slot].isDirty = false
      enqueue(slot, priority: slots[slot].nextPriority)
    }
    releaseIfIdle(slot)
  }

  /// Counts a failure of `key` and asks for another pass after the delay `backoff` gives.
  ///
  /// To be called by the worker that holds the key, before `done(_:now:)`. A pass that is due sooner stays due.
  /// - Parameter random: from 0 to below 1, for the jitter.
  /// - Returns: the delay.
  @discardableResult
  public mutating func retry(_ key: Key, priority: WorkPriority = .normal, now: Duration, random: Double) -> Duration {
    let slot = slot(of: key, generation: nil)
    slots[slot].failures += 1
    let delay = backoff.delay(failures: slots[slot].failures, random: random)
    add(key, priority: priority, at: now + delay, now: now)
    return delay
  }

  /// Forgets the failures of `key`, after a success.
  public mutating func forget(_ key: Key) {
    guard let slot = slotOfKey[key] else { return }
    slots[slot].failures = 0
  }

  /// How many passes over `key` failed in a row.
  public func failures(of key: Key) -> Int { slotOfKey[key].map { slots[$0].failures } ?? 0 }
}
