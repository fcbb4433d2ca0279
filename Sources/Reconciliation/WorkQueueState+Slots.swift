/// The index of no slot.
let noSlot = -1

/// All that is known of one key. The key itself stands in `WorkQueueState.keys`: a slot without it has a layout known when
/// the queue is compiled, which makes it twice as fast. Slots are reused, so that a queue takes no more memory than its
/// keys did at their most.
struct WorkQueueSlot: Sendable {
  var isReady = false
  var isProcessing = false
  /// Was added while processing.
  var isDirty = false
  /// Of a ready key: the priority it is queued with.
  var priority = WorkPriority.normal
  /// Of a dirty or waiting key: the priority it will be queued with.
  var nextPriority = WorkPriority.normal
  var failures = 0
  var generation: Int64?
  /// When the pass that is ready or dirty became due.
  var readySince = Duration.zero
  /// The neighbours in the list of the key's band.
  var previous = noSlot
  var following = noSlot
  /// Where the slot stands in `deadlines`.
  var heapPosition = noSlot
  var deadline = Duration.zero
  /// Decides between equal deadlines: the older wins.
  var deadlineSequence: UInt64 = 0

  var isWaiting: Bool { heapPosition != noSlot }
}

/// The ready keys of one priority, as a list through their slots.
struct WorkQueueBand: Sendable {
  var first = noSlot
  var last = noSlot
  var paid: UInt64 = 0

  var isEmpty: Bool { first == noSlot }
}

extension WorkQueueState {
  /// The slot of `key`, made where the key is new.
  mutating func slot(of key: Key, generation: Int64?) -> Int {
    guard let slot = slotOfKey[key] else {
      let slot: Int
      if let free = freeSlots.popLast() {
        slot = free
        slots[slot] = WorkQueueSlot(generation: generation)
        keys[slot] = key
      } else {
        slot = slots.count
        slots.append(WorkQueueSlot(generation: generation))
        keys.append(key)
      }
      slotOfKey[key] = slot
      return slot
    }
    if let generation, generation != slots[slot].generation {
      if slots[slot].generation != nil { slots[slot].failures = 0 }
      slots[slot].generation = generation
    }
    return slot
  }

  mutating func releaseIfIdle(_ slot: Int) {
    guard !slots[slot].isReady, !slots[slot].isProcessing, !slots[slot].isWaiting, let key = keys[slot] else {
      return
    }
    slotOfKey[key] = nil
    slots[slot] = WorkQueueSlot()
    keys[slot] = nil
    freeSlots.append(slot)
    if slotOfKey.isEmpty && slots.count > 1024 {
      // The memory of a past rush goes back; at least 1024 adds pay for it.
      slots = []
      keys = []
      freeSlots = []
      slotOfKey = [:]
      deadlines = []
    }
  }

  /// Queues the key of `slot`, or marks it for the end of the work on it. False where nothing changed.
  @discardableResult
  mutating func makeReady(_ slot: Int, priority: WorkPriority, now: Duration) -> Bool {
    if slots[slot].isProcessing {
      guard slots[slot].isDirty else {
        slots[slot].isDirty = true
        slots[slot].nextPriority = priority
        slots[slot].readySince = now
        return true
      }
      guard priority > slots[slot].nextPriority else { return false }
      slots[slot].nextPriority = priority
      return true
    }
    guard slots[slot].isReady else {
      slots[slot].readySince = now
      enqueue(slot, priority: priority)
      return true
    }
    guard priority > slots[slot].priority else { return false }
    unlink(slot)
    readyCount -= 1
    enqueue(slot, priority: priority)
    return true
  }

  mutating func enqueue(_ slot: Int, priority: WorkPriority) {
    let band = priority.rawValue
    if bands[band].isEmpty {
      bands[band].paid = max(bands[band].paid, paid)
      bands[band].first = slot
    } else {
      slots[bands[band].last].following = slot
    }
    slots[slot].previous = bands[band].last
    slots[slot].following = noSlot
    bands[band].last = slot
    slots[slot].priority = priority
    slots[slot].isReady = true
    readyCount += 1
  }

  private mutating func unlink(_ slot: Int) {
    let band = slots[slot].priority.rawValue
    let (previous, following) = (slots[slot].previous, slots[slot].following)
    if previous == noSlot { bands[band].first = following } else { slots[previous].following = following }
    if following == noSlot { bands[band].last = previous } else { slots[following].previous = previous }
    slots[slot].previous = noSlot
    slots[slot].following = noSlot
  }

  /// The band with keys that has paid least; of equals the most urgent.
  func leastPaidBand() -> Int? {
    var choice: Int?
    for band in bands.indices.reversed() where !bands[band].isEmpty {
      if let chosen = choice, bands[chosen].paid <= bands[band].paid { continue }
      choice = band
    }
    return choice
  }

  mutating func popFirst(of band: Int) -> Int? {
    let slot = bands[band].first
    guard slot != noSlot else { return nil }
    paid = bands[band].paid
    bands[band].paid += WorkPriority.allCases[band].stride
    unlink(slot)
    return slot
  }
}
