/// Counts of durations in buckets that grow with them, each at most an eighth wider than the one before: small whatever is
/// measured, and right to 12 %.
struct LatencyHistogram: Sendable, Hashable {
  /// Up to 8 buckets for each power of two, of microseconds.
  private static let stepsPerDoubling = 8
  private var counts = [UInt64](repeating: 0, count: 40 * stepsPerDoubling)
  private(set) var count: UInt64 = 0
  private(set) var largestMicroseconds: Int64 = 0

  mutating func record(milliseconds: Int64) { record(microseconds: milliseconds * 1000) }

  mutating func record(microseconds: Int64) {
    counts[Self.index(microseconds)] += 1
    count += 1
    largestMicroseconds = max(largestMicroseconds, microseconds)
  }

  /// - Parameter share: 0.5 for the median.
  /// - Returns: milliseconds; nil where nothing was recorded.
  func quantile(_ share: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = max(1, UInt64((Double(count) * share).rounded(.up)))
    var seen: UInt64 = 0
    for (index, count) in counts.enumerated() {
      seen += count
      if seen >= rank { return min(Self.upperBound(index), Double(largestMicroseconds)) / 1000 }
    }
    return Double(largestMicroseconds) / 1000
  }

  private static func index(_ microseconds: Int64) -> Int {
    let value = UInt64(max(microseconds, 0))
    guard value >= UInt64(stepsPerDoubling) else { return Int(value) }
    // The position of the highest bit, and the three bits after it.
    let exponent = 63 - value.leadingZeroBitCount
    let step = Int((value >> UInt64(exponent - 3)) & 7)
    return min((exponent - 2) * stepsPerDoubling + step, 40 * stepsPerDoubling - 1)
  }

  /// The largest value of the bucket.
  private static func upperBound(_ index: Int) -> Double {
    guard index >= stepsPerDoubling else { return Double(index) }
    let exponent = index / stepsPerDoubling + 2
    let step = UInt64(index % stepsPerDoubling)
    return Double(((UInt64(8) + step + 1) << UInt64(exponent - 3)) - 1)
  }
}
