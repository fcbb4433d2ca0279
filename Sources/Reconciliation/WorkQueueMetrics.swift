import CoreMetrics

/// The figures of one queue, under the names Kubernetes controllers use.
struct WorkQueueMetrics: Sendable {
  private let depth: Gauge
  private let adds: Counter
  private let retries: Counter
  private let queueDuration: CoreMetrics.Timer
  private let workDuration: CoreMetrics.Timer

  init(name: String) {
    let dimensions = [("name", name), ("controller", name)]
    depth = Gauge(label: "workqueue_depth", dimensions: dimensions)
    adds = Counter(label: "workqueue_adds_total", dimensions: dimensions)
    retries = Counter(label: "workqueue_retries_total", dimensions: dimensions)
    queueDuration = CoreMetrics.Timer(label: "workqueue_queue_duration_seconds", dimensions: dimensions)
    workDuration = CoreMetrics.Timer(label: "workqueue_work_duration_seconds", dimensions: dimensions)
    depth.record(0)
  }

  func added() { adds.increment() }
  func retried() { retries.increment() }
  func depthChanged(to count: Int) { depth.record(count) }
  func handedOut(queuedFor duration: Duration) { queueDuration.recordNanoseconds(duration.wholeNanoseconds) }
  func finished(after duration: Duration) { workDuration.recordNanoseconds(duration.wholeNanoseconds) }
}

extension Duration {
  /// Nanoseconds, rounded down.
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
