import CoreMetrics
public import HTTPTypes
import Synchronization

/// Under what a request is counted, by the names of a Kubernetes API server. Only what is served makes labels, so that
/// their number is bounded whatever clients ask for.
public struct RequestLabels: Sendable, Hashable {
  /// `GET`, `LIST`, `WATCH` and so on, or `OTHER`.
  public var verb: String
  /// The plural of a kind; empty for everything else.
  public var resource: String

  public init(verb: String, resource: String) {
    self.verb = verb
    self.resource = resource
  }

  public init(method: HTTPRequest.Method) {
    self.init(verb: method == .get ? "GET" : method == .post ? "POST" : "OTHER", resource: "")
  }
}

/// What requests are counted by. Each is kept, since to look one up by its labels costs more than to count; their number is bounded by
/// that of the labels and of the statuses that exist.
final class RequestMeters: Sendable {
  private struct Key: Hashable {
    var labels: RequestLabels
    var status: Int
  }

  private struct Meters {
    let count: Counter
    let time: Timer
  }

  private let known = Mutex<[Key: Meters]>([:])

  func record(_ labels: RequestLabels, status: Int, duration: Duration) {
    let meters = meters(labels, status)
    meters.count.increment()
    guard labels.verb != "WATCH" else { return }  // its time says when the client left
    let (seconds, attoseconds) = duration.components
    meters.time.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }

  private func meters(_ labels: RequestLabels, _ status: Int) -> Meters {
    known.withLock { known in
      let key = Key(labels: labels, status: status)
      if let meters = known[key] { return meters }
      let dimensions = [("verb", labels.verb), ("resource", labels.resource)]
      let meters = Meters(
        count: Counter(label: "apiserver_request_total", dimensions: dimensions + [("code", String(status))]),
        time: Timer(label: "apiserver_request_duration_seconds", dimensions: dimensions))
      known[key] = meters
      return meters
    }
  }
}
