import CoreMetrics
import ResourceModel
import Synchronization

/// How many watches run; bounded, so that watchers cannot use up the server's memory and descriptors.
final class WatcherCount: Sendable {
  private let maximum: Int
  private let count = Mutex(0)
  private let gauge = Gauge(label: "apiserver_longrunning_requests", dimensions: [("verb", "WATCH")])

  init(maximum: Int) { self.maximum = maximum }

  var current: Int { count.withLock { $0 } }

  /// - Throws: `tooManyRequests` where there are as many as there may be.
  func enter() throws(StatusError) {
    let entered = count.withLock { count in
      guard count < maximum else { return false }
      count += 1
      gauge.record(count)
      return true
    }
    guard entered else {
      throw StatusError(
        .tooManyRequests, "too many watches: this server serves \(maximum) at a time", retryAfterSeconds: 5)
    }
  }

  func leave() {
    count.withLock { count in
      count -= 1
      gauge.record(count)
    }
  }
}
