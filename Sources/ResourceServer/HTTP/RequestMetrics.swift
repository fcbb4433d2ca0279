import CoreMetrics
import HTTPTypes
import ResourceModel

/// Counts requests and their time under the names of a Kubernetes API server.
struct RequestMetrics {
  var verb: String
  var resource: String

  /// Only kinds that are served make labels, so that their number is bounded whatever clients ask for.
  init(_ path: APIPath?, attributes: AccessAttributes?, method: HTTPRequest.Method, registry: ResourceRegistry) {
    switch path {
    case .collection(let name, _), .object(let name, _), .status(let name, _):
      let isKnown = registry.definition(name) != nil
      resource = isKnown ? name.plural : ""
      verb = isKnown ? (attributes?.verb ?? "").uppercased() : "OTHER"
      if !Self.verbs.contains(verb) { verb = "OTHER" }
    default:
      resource = ""
      verb = method == .get ? "GET" : method == .post ? "POST" : "OTHER"
    }
  }

  private static let verbs: Set<String> = [
    "GET", "LIST", "WATCH", "CREATE", "UPDATE", "PATCH", "DELETE", "DELETECOLLECTION",
  ]

  func record(status: Int, duration: Duration) {
    let labels = [("verb", verb), ("resource", resource)]
    Counter(label: "apiserver_request_total", dimensions: labels + [("code", String(status))]).increment()
    guard verb != "WATCH" else { return }  // its time says when the client left
    let (seconds, attoseconds) = duration.components
    Timer(label: "apiserver_request_duration_seconds", dimensions: labels)
      .recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
