/// Moments at which something is to be looked at, the earliest first.
///
/// A moment that has moved away is found out when it comes, not when it moves: a connection over which bytes flow all the
/// time costs nothing here.
struct DeadlineHeap<Member> {
  private var entries: [(moment: ContinuousClock.Instant, member: Member)] = []

  /// The earliest moment.
  var next: ContinuousClock.Instant? { entries.first?.moment }

  mutating func add(_ member: Member, at moment: ContinuousClock.Instant) {
    entries.append((moment, member))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].moment < entries[parent].moment else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes out the member with the earliest moment, if that has come.
  mutating func popDue(_ now: ContinuousClock.Instant) -> Member? {
    guard let first = entries.first, first.moment <= now else { return nil }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      let children = (2 * parent + 1)..<min(2 * parent + 3, max(entries.count, 2 * parent + 1))
      guard let least = children.min(by: { entries[$0].moment < entries[$1].moment }),
        entries[least].moment < entries[parent].moment
      else { return first.member }
      entries.swapAt(least, parent)
      parent = least
    }
  }
}
