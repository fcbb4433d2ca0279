/// What is due when, the earliest first: a binary heap in one array.
struct TimerHeap: Sendable {
  struct Entry: Sendable, Hashable {
    /// Milliseconds since the start.
    var due: Int64
    var customer: Int32
    var task: SimulatedFleet.Task
    /// Of the customer's state when it was set; an older one is void.
    var epoch: UInt16
  }

  private var entries: [Entry] = []

  var count: Int { entries.count }
  var first: Entry? { entries.first }

  mutating func reserve(_ count: Int) { entries.reserveCapacity(count) }

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var index = entries.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard entries[index].due < entries[parent].due else { return }
      entries.swapAt(index, parent)
      index = parent
    }
  }

  /// - Returns: nil where nothing is due yet.
  mutating func removeFirst(dueBy now: Int64) -> Entry? {
    guard let first = entries.first, first.due <= now else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
        if entries[child].due < entries[least].due { least = child }
      }
      guard least != index else { return first }
      entries.swapAt(index, least)
      index = least
    }
  }
}
