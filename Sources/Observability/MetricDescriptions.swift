/// What the metrics mean that the modules of this package keep.
enum MetricDescriptions {
  static let known: [String: String] = [
    "controller_runtime_reconcile_total": "Passes per controller and result.",
    "controller_runtime_reconcile_errors_total": "Passes that failed.",
    "controller_runtime_terminal_reconcile_errors_total": "Passes that failed and are not repeated.",
    "controller_runtime_reconcile_timeouts_total": "Passes that took too long and were cancelled.",
    "controller_runtime_reconcile_time_seconds": "How long passes take.",
    "controller_runtime_active_workers": "Passes that run now.",
    "controller_runtime_max_concurrent_reconciles": "The most passes that may run at the same time.",
    "workqueue_depth": "Keys that are ready and unserved.",
    "workqueue_adds_total": "Keys added.",
    "workqueue_retries_total": "Keys added again after a failure.",
    "workqueue_queue_duration_seconds": "How long keys stay ready before a worker takes them.",
    "workqueue_work_duration_seconds": "How long the work on a key takes.",
    "metrics_series_overflow_total":
      "Series beyond the limit of their metric, counted together under overflow=\"true\".",
    "process_resident_memory_bytes": "Resident memory.",
    "process_virtual_memory_bytes": "Virtual memory.",
    "process_cpu_seconds_total": "Processor time of user and system.",
    "process_open_fds": "Open file descriptors.",
    "process_start_time_seconds": "When the process started, in seconds since 1970.",
  ]
}
