import CoreMetrics
import Synchronization

/// One series of a metric, as a number of samples.
protocol MetricSeries: AnyObject, Sendable {
  /// Appends the series' lines in Prometheus text format.
  func write(_ writer: inout PrometheusWriter, name: String, labels: MetricLabels)
}

/// Counts events; never falls but by `reset()`.
final class CounterSeries: CounterHandler, FloatingPointCounterHandler, MetricSeries {
  private let whole = Atomic<Int64>(0)
  private let fraction = AtomicDouble()

  func increment(by amount: Int64) {
    if amount > 0 { whole.wrappingAdd(amount, ordering: .relaxed) }
  }

  func increment(by amount: Double) {
    if amount > 0 && amount.isFinite { fraction.add(amount) }
  }

  func reset() {
    whole.store(0, ordering: .relaxed)
    fraction.store(0)
  }

  func write(_ writer: inout PrometheusWriter, name: String, labels: MetricLabels) {
    let fraction = fraction.load()
    let whole = whole.load(ordering: .relaxed)
    if fraction == 0 {
      writer.sample(name, labels, value: whole)
    } else {
      writer.sample(name, labels, value: Double(whole) + fraction)
    }
  }
}

/// A value that goes up and down.
final class GaugeSeries: MeterHandler, RecorderHandler, MetricSeries {
  private let value = AtomicDouble()

  func set(_ value: Int64) { self.value.store(Double(value)) }
  func set(_ value: Double) { self.value.store(value) }
  func increment(by amount: Double) { if amount.isFinite { value.add(amount) } }
  func decrement(by amount: Double) { if amount.isFinite { value.add(-amount) } }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }

  func write(_ writer: inout PrometheusWriter, name: String, labels: MetricLabels) {
    writer.sample(name, labels, value: value.load())
  }
}

/// Counts values by size.
final class HistogramSeries: RecorderHandler, TimerHandler, MetricSeries {
  private struct Counts {
    /// How many values fell into each bucket alone; the last bucket has no upper bound.
    var buckets: [UInt64]
    var sum = 0.0
  }

  /// The buckets' upper bounds, rising.
  private let bounds: [Double]
  private let counts: Mutex<Counts>

  init(bounds: [Double]) {
    self.bounds = bounds
    self.counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1)))
  }

  func record(_ value: Int64) { record(Double(value)) }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }

  func record(_ value: Double) {
    guard value.isFinite else { return }
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if value <= bounds[middle] { high = middle } else { low = middle + 1 }
    }
    let bucket = low
    counts.withLock { counts in
      counts.buckets[bucket] += 1
      counts.sum += value
    }
  }

  func write(_ writer: inout PrometheusWriter, name: String, labels: MetricLabels) {
    let counts = counts.withLock { $0 }
    var cumulative: UInt64 = 0
    for (bucket, count) in counts.buckets.enumerated() {
      cumulative += count
      let bound = bucket < bounds.count ? PrometheusWriter.text(of: bounds[bucket]) : "+Inf"
      writer.sample(name + "_bucket", labels, le: bound, value: Int64(clamping: cumulative))
    }
    writer.sample(name + "_sum", labels, value: counts.sum)
    writer.sample(name + "_count", labels, value: Int64(clamping: cumulative))
  }
}

/// A number that many threads change.
private final class AtomicDouble: Sendable {
  private let bits = Atomic<UInt64>(0)

  func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
  func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  func add(_ amount: Double) {
    var seen = bits.load(ordering: .relaxed)
    while true {
      let sum = Double(bitPattern: seen) + amount
      let (exchanged, original) = bits.compareExchange(expected: seen, desired: sum.bitPattern, ordering: .relaxed)
      if exchanged { return }
      seen = original
    }
  }
}
