import CoreMetrics
public import HTTPTypes

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

  func record(status: Int, duration: Duration) {
    let labels = [("verb", verb), ("resource", resource)]
    Counter(label: "apiserver_request_total", dimensions: labels + [("code", String(status))]).increment()
    guard verb != "WATCH" else { return }  // its time says when the client left
    let (seconds, attoseconds) = duration.components
    Timer(label: "apiserver_request_duration_seconds", dimensions: labels)
      .recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
