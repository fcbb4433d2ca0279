public import CoreMetrics
import Synchronization

/// Keeps a program's metrics in memory and shows them in the text format of Prometheus.
///
/// Timers are shown as histograms in seconds, recorders as histograms, or as gauges where they do not aggregate.
public final class MetricsRegistry: MetricsFactory {
  /// The media type of `render()`.
  public static let contentType = PrometheusWriter.contentType

  private enum Kind: String {
    case counter
    case gauge
    case histogram
  }

  private struct Family {
    var kind: Kind
    var series: [MetricLabels: any MetricSeries] = [:]
    /// Takes what would have gone to series beyond the limit.
    var overflow: (any MetricSeries)?
    var overflowed: Int64 = 0
  }

  private let families = Mutex<[String: Family]>([:])
  private let maximumSeries: Int
  private let timerBuckets: [Double]
  private let recorderBuckets: [Double]
  private let help: [String: String]
  private let readsProcess: Bool

  /// - Parameters:
  ///   - maximumSeries: how many sets of labels one metric may have. The events of further sets are counted together in
  ///     one series with the label `overflow="true"`, and `metrics_series_overflow_total` tells of them.
  ///   - timerBuckets: upper bounds of the buckets of timers, in seconds, rising.
  ///   - recorderBuckets: upper bounds of the buckets of aggregating recorders, rising.
  ///   - help: explanations of metrics by name, besides those known here.
  ///   - includesProcess: whether memory, processor time and open files of this process are shown too.
  public init(
    maximumSeries: Int = 1000, timerBuckets: [Double] = MetricsRegistry.defaultTimerBuckets,
    recorderBuckets: [Double] = MetricsRegistry.defaultRecorderBuckets, help: [String: String] = [:],
    includesProcess: Bool = true
  ) {
    self.maximumSeries = maximumSeries
    self.timerBuckets = timerBuckets
    self.recorderBuckets = recorderBuckets
    self.help = MetricDescriptions.known.merging(help) { _, own in own }
    self.readsProcess = includesProcess
  }

  /// From a tenth of a millisecond to ten minutes.
  public static let defaultTimerBuckets: [Double] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
  ]

  /// Powers of ten with the steps 1, 2 and 5.
  public static let defaultRecorderBuckets: [Double] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000, 10_000_000,
  ]

  /// Makes this registry the one all metrics of the program go to. To be called once, before the first metric is made.
  public func install() { MetricsSystem.bootstrap(self) }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    counter(label, dimensions)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    counter(label, dimensions)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { gauge(label, dimensions) }

  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else { return gauge(label, dimensions) }
    let bounds = recorderBuckets
    return series(PrometheusWriter.metricName(label), dimensions, .histogram) { HistogramSeries(bounds: bounds) }
  }

  /// A timer's metric ends with `_seconds`, which is added where `label` does not.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    let name = PrometheusWriter.metricName(label)
    let bounds = timerBuckets
    return series(name.hasSuffix("_seconds") ? name : name + "_seconds", dimensions, .histogram) {
      HistogramSeries(bounds: bounds)
    }
  }

  public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
  public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

  private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
    series(PrometheusWriter.metricName(label), dimensions, .counter) { CounterSeries() }
  }

  private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
    series(PrometheusWriter.metricName(label), dimensions, .gauge) { GaugeSeries() }
  }

  /// The series with these labels, made where it is new. A metric whose name is taken by one of another kind gets a
  /// series that is never shown.
  private func series<Series: MetricSeries>(
    _ name: String, _ dimensions: [(String, String)], _ kind: Kind, make: () -> Series
  ) -> Series {
    let labels = MetricLabels(dimensions)
    return families.withLock { families in
      var family = families[name] ?? Family(kind: kind)
      if let known = family.series[labels] { return known as? Series ?? make() }
      guard family.kind == kind else { return make() }
      defer { families[name] = family }
      if family.series.count >= maximumSeries {
        family.overflowed += 1
        let shared = family.overflow as? Series ?? make()
        family.overflow = shared
        return shared
      }
      let new = make()
      family.series[labels] = new
      return new
    }
  }

  private func remove(_ handler: any AnyObject) {
    families.withLock { families in
      for (name, family) in families {
        guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
        families[name]?.series[labels] = nil
        if family.series.count == 1 && family.overflow == nil { families[name] = nil }
        return
      }
    }
  }

  /// All metrics in the text format of Prometheus, sorted by name and labels.
  public func render() -> String {
    let families = families.withLock { $0 }
    var writer = PrometheusWriter()
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      writer.family(name, help: help[name], type: family.kind.rawValue)
      for (labels, series) in family.series.sorted(by: { $0.key.text < $1.key.text }) {
        series.write(&writer, name: name, labels: labels)
      }
      family.overflow?.write(&writer, name: name, labels: MetricLabels([("overflow", "true")]))
    }
    let overflowed = families.filter { $0.value.overflowed > 0 }.sorted { $0.key < $1.key }
    if !overflowed.isEmpty {
      let name = "metrics_series_overflow_total"
      writer.family(name, help: help[name], type: Kind.counter.rawValue)
      for (metric, family) in overflowed {
        writer.sample(name, MetricLabels([("metric", metric)]), value: family.overflowed)
      }
    }
    if readsProcess { ProcessUsage.current()?.write(&writer, help: help) }
    return writer.text
  }
}
