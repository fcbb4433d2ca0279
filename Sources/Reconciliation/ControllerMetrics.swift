import CoreMetrics

/// The figures of one controller, under the names Kubernetes controllers use.
struct ControllerMetrics: Sendable {
  enum Result: String, CaseIterable {
    case success
    case requeueAfter = "requeue_after"
    case error
  }

  private let total: [Result: Counter]
  private let errors: Counter
  private let terminalErrors: Counter
  private let timeouts: Counter
  private let time: CoreMetrics.Timer
  private let activeWorkers: Meter

  init(controller: String, workers: Int) {
    let dimensions = [("controller", controller)]
    let counters = Result.allCases.map { result in
      (
        result,
        Counter(label: "controller_runtime_reconcile_total", dimensions: dimensions + [("result", result.rawValue)])
      )
    }
    total = Dictionary(uniqueKeysWithValues: counters)
    errors = Counter(label: "controller_runtime_reconcile_errors_total", dimensions: dimensions)
    terminalErrors = Counter(label: "controller_runtime_terminal_reconcile_errors_total", dimensions: dimensions)
    timeouts = Counter(label: "controller_runtime_reconcile_timeouts_total", dimensions: dimensions)
    time = CoreMetrics.Timer(label: "controller_runtime_reconcile_time_seconds", dimensions: dimensions)
    activeWorkers = Meter(label: "controller_runtime_active_workers", dimensions: dimensions)
    activeWorkers.set(0)
    Meter(label: "controller_runtime_max_concurrent_reconciles", dimensions: dimensions).set(workers)
  }

  func passBegan() { activeWorkers.increment() }

  func passEnded(_ outcome: ReconcileOutcome, after duration: Duration) {
    activeWorkers.decrement()
    time.recordNanoseconds(duration.wholeNanoseconds)
    switch outcome {
    case .done: total[.success]?.increment()
    case .requeue: total[.requeueAfter]?.increment()
    case .retry(let error):
      total[.error]?.increment()
      errors.increment()
      if error is ReconcileTimeout { timeouts.increment() }
    case .terminal:
      total[.error]?.increment()
      errors.increment()
      terminalErrors.increment()
    }
  }
}
