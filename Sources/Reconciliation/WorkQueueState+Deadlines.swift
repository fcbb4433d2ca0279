/// The heap of keys that wait for their time. Each slot knows its place in it, so that a deadline moves or goes in O(log n).
extension WorkQueueState {
  /// Queues every key whose time has come, the earliest first.
  mutating func promoteDue(now: Duration) {
    while let slot = deadlines.first, slots[slot].deadline <= now {
      let deadline = slots[slot].deadline
      removeDeadline(slot)
      makeReady(slot, priority: slots[slot].nextPriority, now: deadline)
    }
  }

  mutating func insertDeadline(_ slot: Int, _ deadline: Duration) {
    slots[slot].deadline = deadline
    slots[slot].deadlineSequence = sequence
    sequence += 1
    slots[slot].heapPosition = deadlines.count
    deadlines.append(slot)
    siftUp(deadlines.count - 1)
  }

  mutating func moveDeadline(_ slot: Int, earlier deadline: Duration) {
    slots[slot].deadline = deadline
    siftUp(slots[slot].heapPosition)
  }

  mutating func removeDeadline(_ slot: Int) {
    let position = slots[slot].heapPosition
    guard position != noSlot else { return }
    slots[slot].heapPosition = noSlot
    guard let last = deadlines.popLast(), last != slot else { return }
    place(last, at: position)
    siftUp(position)
    siftDown(slots[last].heapPosition)
  }

  private mutating func place(_ slot: Int, at position: Int) {
    deadlines[position] = slot
    slots[slot].heapPosition = position
  }

  private func comesBefore(_ left: Int, _ right: Int) -> Bool {
    let (leftDeadline, rightDeadline) = (slots[left].deadline, slots[right].deadline)
    return leftDeadline == rightDeadline
      ? slots[left].deadlineSequence < slots[right].deadlineSequence : leftDeadline < rightDeadline
  }

  private mutating func siftUp(_ start: Int) {
    let slot = deadlines[start]
    var position = start
    while position > 0 {
      let parent = (position - 1) / 2
      guard comesBefore(slot, deadlines[parent]) else { break }
      place(deadlines[parent], at: position)
      position = parent
    }
    place(slot, at: position)
  }

  private mutating func siftDown(_ start: Int) {
    let slot = deadlines[start]
    var position = start
    while true {
      var child = 2 * position + 1
      guard child < deadlines.count else { break }
      if child + 1 < deadlines.count, comesBefore(deadlines[child + 1], deadlines[child]) { child += 1 }
      guard comesBefore(deadlines[child], slot) else { break }
      place(deadlines[child], at: position)
      position = child
    }
    place(slot, at: position)
  }
}
