public import WireFormats

/// What happens next, in the order of time; at one moment, in the order in which it was put in.
public struct EventQueue<Event> {
  private struct Entry {
    var at: Timestamp
    var number: Int
    var event: Event

    func precedes(_ other: Entry) -> Bool { at == other.at ? number < other.number : at < other.at }
  }

  private var heap: [Entry] = []
  private var count = 0

  public init() {}

  public mutating func add(_ event: Event, at time: Timestamp) {
    count += 1
    heap.append(Entry(at: time, number: count, event: event))
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  public mutating func next() -> (at: Timestamp, event: Event)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var least = parent
        for child in (2 * parent + 1)...(2 * parent + 2)
        where child < heap.count && heap[child].precedes(heap[least]) { least = child }
        if least == parent { break }
        heap.swapAt(parent, least)
        parent = least
      }
    }
    return (first.at, first.event)
  }
}
