/// How urgent a key is. Urgent keys come sooner, and none starves: see `WorkQueueState.next(now:)`.
public enum WorkPriority: Int, Sendable, Hashable, Comparable, CaseIterable {
  /// Bulk work: the first list after a start, a periodic resync of everything.
  case low
  /// What a watch event or a timer asks for.
  case normal
  /// What a person waits for.
  case high

  /// The share of picks this priority gets while every priority has keys waiting: 16 high to 4 normal to 1 low.
  public var weight: Int {
    switch self {
    case .low: 1
    case .normal: 4
    case .high: 16
    }
  }

  /// By how much one pick advances the class's virtual time: the more weight, the less.
  var stride: UInt64 {
    switch self {
    case .low: 16
    case .normal: 4
    case .high: 1
    }
  }

  public static func < (left: WorkPriority, right: WorkPriority) -> Bool { left.rawValue < right.rawValue }
}
