import Cryptography
import FleetProtocol
import Synchronization
import TestSupport
import WireFormats

/// A vendor's server that answers as a test says: late, wrong, cut off, or as it should.
final class FakeVendor: Sendable {
  /// What becomes of one request for an artifact.
  enum Mood: Sendable {
    /// The connection ends after so many bytes of the body.
    case cut(after: Int)
    /// The last byte is another.
    case corrupt
    case status(Int, headers: [String] = [], body: String = #"{"error": "no"}"#)
    /// The whole is sent, whatever was asked for.
    case ignoringRange
    /// Another digest is announced.
    case announcing(String)
  }

  struct State: Sendable {
    var offer: ReleaseOffer?
    /// Instead of the offer.
    var updates: (status: Int, headers: [String], body: [UInt8])?
    /// By version.
    var artifacts: [String: [UInt8]] = [:]
    /// Of the next requests for artifacts.
    var moods: [Mood] = []
    /// Of the next reports; then 200.
    var reports: [(status: Int, body: String)] = []
    var heartbeat: JSONValue = ["received": true, "nextHeartbeatSeconds": 290]
    var requests: [ServerRequest] = []
  }

  private let server: LoopbackServer
  private let state: Shared

  private final class Shared: Sendable {
    let value = Mutex(State())
  }

  init() throws {
    let state = Shared()
    self.state = state
    server = try LoopbackServer { request, connection in
      state.value.withLock { $0.requests.append(request) }
      let path = request.target.prefix { $0 != "?" }
      if path.hasSuffix("/updates") {
        Self.updates(request, connection, state)
      } else if path.hasSuffix("/heartbeat") {
        let answer = state.value.withLock { $0.heartbeat }
        connection.respond(answer == .null ? 503 : 200, body: answer.serialized())
      } else if path.hasPrefix("/api/v1/deployments/") {
        let answer = state.value.withLock { $0.reports.isEmpty ? (200, "{}") : $0.reports.removeFirst() }
        connection.respond(answer.0, body: Array(answer.1.utf8))
      } else {
        Self.artifact(request, String(path.split(separator: "/").last ?? ""), connection, state)
      }
    }
  }

  var url: String { server.url }

  var environment: [String: String] { ["WRKTALK_GCC_ENDPOINT": url] }

  func change(_ body: (inout State) -> Void) { state.value.withLock { body(&$0) } }

  /// Requests whose path ends so, or begins so where it is a folder.
  func requests(_ path: String) -> [ServerRequest] {
    state.value.withLock { state in
      state.requests.filter { request in
        let target = request.target.prefix { $0 != "?" }
        return path.hasSuffix("/") ? target.hasPrefix(path) : target.hasSuffix(path)
      }
    }
  }

  var reports: [JSONValue] { requests("/api/v1/deployments/").compactMap { try? JSONValue(parsing: $0.body) } }

  /// Offers a chart that is there to be fetched.
  @discardableResult
  func offer(_ version: String, payload: String = "", _ change: (inout ReleaseOffer) -> Void = { _ in }) throws
    -> ReleaseOffer
  {
    // Each archive bears the time at which it was made.
    let known = payload.isEmpty ? state.value.withLock { $0.artifacts[version] } : nil
    let chart = try known ?? TestArchive.chart(version, payload: payload)
    var offer = ReleaseOffer(
      releaseID: "rel-\(version)", version: version, chartSha256: SHA256.digest(of: chart).hexadecimal,
      imageTags: ReleaseOffer.ImageTags(backend: "sha-abc"))
    change(&offer)
    self.change { [offer] in
      $0.offer = offer
      $0.artifacts[version] = chart
    }
    return offer
  }

  private static func updates(_ request: ServerRequest, _ connection: ServerConnection, _ state: Shared) {
    let (offer, other) = state.value.withLock { ($0.offer, $0.updates) }
    if let other {
      connection.respond(other.status, headers: other.headers, body: other.body)
      return
    }
    let body = offer?.body ?? ReleaseOffer.nothing.serialized()
    let tag = "\"\(SHA256.digest(of: body).hexadecimal.prefix(32))\""
    let headers = ["ETag: \(tag)", "X-Next-Poll-Seconds: 300"]
    if request.headers["if-none-match"] == tag {
      connection.write("HTTP/1.1 304 Not Modified\r\nETag: \(tag)\r\nX-Next-Poll-Seconds: 300\r\n\r\n")
    } else {
      connection.respond(headers: headers, body: body)
    }
  }

  private static func artifact(
    _ request: ServerRequest, _ version: String, _ connection: ServerConnection, _ state: Shared
  ) {
    let (artifact, mood) = state.value.withLock {
      ($0.artifacts[version], $0.moods.isEmpty ? nil : $0.moods.removeFirst())
    }
    guard var body = artifact else {
      connection.respond(404, body: Array(#"{"error": "there is no such release"}"#.utf8))
      return
    }
    let digest = SHA256.digest(of: body).hexadecimal
    var headers = ["ETag: \"\(digest)\"", "X-Sha256: \(digest)"]
    var status = 200
    var isCorrupt = false
    switch mood {
    case .status(let status, let headers, let text):
      connection.respond(status, headers: headers, body: Array(text.utf8))
      return
    case .announcing(let other): headers = ["X-Sha256: \(other)"]
    case .corrupt: isCorrupt = true
    case .cut, .ignoringRange, nil: break
    }
    if isCorrupt { body[body.count - 1] ^= 1 }
    let size = body.count
    if case .ignoringRange = mood {
    } else if let range = request.headers["range"], request.headers["if-range"] == "\"\(digest)\"",
      let first = Int(range.dropFirst("bytes=".count).dropLast()), first < size
    {
      status = 206
      headers.append("Content-Range: bytes \(first)-\(size - 1)/\(size)")
      body = Array(body[first...])
    }
    if case .cut(let count) = mood {
      let lines = ["HTTP/1.1 \(status) Status", "Content-Length: \(body.count)"] + headers
      connection.write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body.prefix(count))
      connection.hangUp()
      return
    }
    connection.respond(status, headers: headers, body: body)
  }
}
