import FleetProtocol
import HTTPTransport
import WireFormats

/// A customer's requests to the vendor's server, and what the answers mean.
struct CustomerRequest: Sendable {
  let server: String
  let tls: TLSSettings

  static func updates(_ server: String, _ organization: String) -> String {
    "\(server)/api/v1/organizations/\(organization)/updates"
  }

  func request(for call: SimulatedFleet.Call, name: String, authorization: String) -> HTTPRequest {
    var request = HTTPRequest(
      url: "", headers: [("Authorization", authorization)], timeout: .seconds(30), tls: tls,
      maximumResponseBytes: 4 << 20)
    func post(_ path: String, _ body: JSONValue) {
      request.method = "POST"
      request.url = server + path
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.serialized())
    }
    switch call.payload {
    case .heartbeat(let heartbeat): post("/api/v1/organizations/\(name)/heartbeat", heartbeat.json)
    case .poll(let etag):
      request.url = Self.updates(server, name)
      if !etag.isEmpty { request.headers.append(("If-None-Match", etag)) }
    case .scheduled(let report): post("/api/v1/deployments/scheduled", report.json)
    case .status(let report): post("/api/v1/deployments/status", report.json)
    }
    return request
  }

  static func answer(_ response: HTTPResponse, to task: SimulatedFleet.Task) -> SimulatedFleet.Answer {
    switch response.status {
    case 200..<300: break
    case 304: return .notModified(nextSeconds: nextPoll(response))
    case 429: return .tooMany(retryAfterSeconds: response.headers["Retry-After"].flatMap { Int($0) })
    default: return .refused(status: response.status)
    }
    switch task {
    case .heartbeat:
      let json = try? JSONValue(parsing: response.body)
      return .accepted(nextSeconds: json?["nextHeartbeatSeconds"]?.integer.flatMap { Int(exactly: $0) })
    case .poll:
      // An answer that is not understood counts as a failure of the server.
      guard let json = try? JSONValue(parsing: response.body),
        let offer = Result(catching: { try ReleaseOffer.reading(json) }).success
      else { return .refused(status: 502) }
      return .updates(
        offer: offer.map { .init(releaseID: $0.releaseID, version: $0.version) },
        etag: response.headers["ETag"] ?? "", nextSeconds: nextPoll(response))
    case .schedule, .begin, .finish: return .accepted(nextSeconds: nil)
    }
  }

  private static func nextPoll(_ response: HTTPResponse) -> Int? {
    response.headers["X-Next-Poll-Seconds"].flatMap { Int($0) }
  }
}

extension Result {
  fileprivate var success: Success? {
    if case .success(let value) = self { value } else { nil }
  }
}
