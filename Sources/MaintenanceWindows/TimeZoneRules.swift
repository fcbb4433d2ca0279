/// What clocks show in one time zone, at every moment: offsets from UTC and when they change.
///
/// Local times are counted like moments, in seconds since 1970-01-01T00:00:00, as if clocks showed UTC. So a local time that a
/// change of clocks leaves out or repeats still is one number, and what lies between two local times is a set of moments.
public struct TimeZoneRules: Sendable, Hashable {
  struct Transition: Sendable, Hashable {
    /// Seconds since 1970-01-01T00:00:00Z.
    var at: Int64
    /// Seconds to add to UTC from then on.
    var offset: Int64
  }

  /// Moments with the same offset.
  struct Segment: Sendable, Hashable {
    var moments: Range<Int64>
    var offset: Int64
  }

  /// Clocks differ from UTC by less than this (RFC 9636 §3.2).
  static let offsetBound: Int64 = 26 * 3600

  /// Before the first transition.
  let initialOffset: Int64
  /// In their order.
  let transitions: [Transition]
  /// From the last transition on; nil where the last offset stays.
  let rule: RecurringClockChange?

  public static let utc = TimeZoneRules(initialOffset: 0, transitions: [], rule: nil)

  /// - Parameter second: since 1970-01-01T00:00:00Z.
  /// - Returns: seconds to add to UTC.
  public func offset(at second: Int64) -> Int64 {
    if let rule, second >= transitions.last?.at ?? .min { return rule.offset(at: second) }
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle].at <= second { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? initialOffset : transitions[low - 1].offset
  }

  /// What clocks show.
  func local(_ second: Int64) -> Int64 { second + offset(at: second) }

  /// The moments of a range, cut where the offset changes. The range must not span centuries.
  func segments(_ moments: Range<Int64>) -> [Segment] {
    guard !moments.isEmpty else { return [] }
    var bounds = [moments.lowerBound]
    bounds += transitions.lazy.map(\.at).filter { $0 > moments.lowerBound && $0 < moments.upperBound }
    if let rule {
      let first = max(moments.lowerBound, transitions.last?.at ?? .min)
      bounds += rule.changes(in: moments).filter { $0 > first }
    }
    var segments: [Segment] = []
    for (index, bound) in bounds.enumerated() {
      let end = index + 1 < bounds.count ? bounds[index + 1] : moments.upperBound
      let offset = offset(at: bound)
      if let last = segments.last, last.offset == offset {
        segments[segments.count - 1].moments = last.moments.lowerBound..<end
      } else {
        segments.append(Segment(moments: bound..<end, offset: offset))
      }
    }
    return segments
  }

  /// When clocks show a time of the range: nothing where all of it was left out, more than one range where a part of it was
  /// repeated; in their order.
  func moments(local range: Range<Int64>) -> [Range<Int64>] {
    var timeline = LocalTimeline(
      segments: segments(range.lowerBound - Self.offsetBound..<range.upperBound + Self.offsetBound))
    return timeline.moments(local: range)
  }
}

/// Finds the moments of many ranges of local times whose beginnings ascend.
struct LocalTimeline {
  /// Of all moments at which clocks may show any of the times.
  let segments: [TimeZoneRules.Segment]
  private var first = 0

  init(segments: [TimeZoneRules.Segment]) { self.segments = segments }

  mutating func moments(local range: Range<Int64>) -> [Range<Int64>] {
    let bound = TimeZoneRules.offsetBound
    while first < segments.count, segments[first].moments.upperBound <= range.lowerBound - bound { first += 1 }
    var found: [Range<Int64>] = []
    for segment in segments[first...] {
      if segment.moments.lowerBound >= range.upperBound + bound { break }
      let start = max(segment.moments.lowerBound, range.lowerBound - segment.offset)
      let end = min(segment.moments.upperBound, range.upperBound - segment.offset)
      guard start < end else { continue }
      if let last = found.last, last.upperBound == start {
        found[found.count - 1] = last.lowerBound..<end
      } else {
        found.append(start..<end)
      }
    }
    return found
  }
}
