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
  /// The neighbours in the list of the key's priority class.
  var previous = noSlot
  var following = noSlot
  /// Where the slot stands in `deadlines`.
  var heapPosition = noSlot
  var deadline = Duration.zero
  /// Decides between equal deadlines: the older wins.
  var deadlineSequence: UInt64 = 0

  var isWaiting: Bool { heapPosition != noSlot }
}

/// The ready keys of one priority, as a list through their slots, and the class's virtual time.
///
/// Classes share the picks by stride scheduling (Waldspurger and Weihl, 1995): the class with the least virtual time is
/// picked, and each pick advances its virtual time by its stride. With the strides 1 (high), 4 (normal) and 16 (low), all
/// three beginning at 0, of equals the most urgent first:
///
/// ```
/// picked   H  N  L  H  H  H  H  N  H  H  H  H  N   H   H   H   H   N   H   H   H
/// high     1        2  3  4  5     6  7  8  9      10  11  12  13      14  15  16
/// normal      4                 8              12                  16
/// low            16
/// ```
///
/// Then all three stand at 16, and it begins anew: 16 high, 4 normal and 1 low.
///
/// A class that had no keys begins at the queue's virtual time, so that it has not saved up picks meanwhile.
struct PriorityClass: Sendable {
  var first = noSlot
  var last = noSlot
  var virtualTime: UInt64 = 0

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
    let index = priority.rawValue
    if classes[index].isEmpty {
      classes[index].virtualTime = max(classes[index].virtualTime, virtualTime)
      classes[index].first = slot
    } else {
      slots[classes[index].last].following = slot
    }
    slots[slot].previous = classes[index].last
    slots[slot].following = noSlot
    classes[index].last = slot
    slots[slot].priority = priority
    slots[slot].isReady = true
    readyCount += 1
  }

  private mutating func unlink(_ slot: Int) {
    let index = slots[slot].priority.rawValue
    let (previous, following) = (slots[slot].previous, slots[slot].following)
    if previous == noSlot { classes[index].first = following } else { slots[previous].following = following }
    if following == noSlot { classes[index].last = previous } else { slots[following].previous = previous }
    slots[slot].previous = noSlot
    slots[slot].following = noSlot
  }

  /// The class with keys whose virtual time is least; of equals the most urgent.
  func nextClass() -> WorkPriority? {
    var choice: WorkPriority?
    for priority in WorkPriority.allCases.reversed() where !classes[priority.rawValue].isEmpty {
      if let choice, classes[choice.rawValue].virtualTime <= classes[priority.rawValue].virtualTime { continue }
      choice = priority
    }
    return choice
  }

  mutating func popFirst(of priority: WorkPriority) -> Int? {
    let slot = classes[priority.rawValue].first
    guard slot != noSlot else { return nil }
    virtualTime = classes[priority.rawValue].virtualTime
    classes[priority.rawValue].virtualTime += priority.stride
    unlink(slot)
    return slot
  }
}
