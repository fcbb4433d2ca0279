import FleetProtocol
import HTTPTransport
import Timing
import WireFormats

/// Speaks to the vendor's server (spec §14.2). It follows no redirect: the key goes to the host that is configured, and to no
/// other.
struct VendorClient: Sendable {
  let http: HTTPClient
  let connection: VendorConnection
  let now: @Sendable () -> Timestamp

  /// An offer with a manifest and notes is no larger.
  static let maximumAnswerBytes = 4 << 20
  static let maximumAnswerDepth = 16
  static let maximumAnswerNodes = 20_000
  static let timeout: Duration = .seconds(30)

  /// The answer to who asks for updates.
  struct Updates: Sendable {
    enum Content: Sendable {
      case notModified
      /// Nil where nothing is offered.
      case offer(ReleaseOffer?)
    }

    var content: Content
    /// Of the answer; in quotes.
    var tag: String?
    /// `X-Next-Poll-Seconds`.
    var nextSeconds: Int64?
  }

  /// - Parameter tag: of the answer before; nil for the whole answer.
  func updates(tag: String?) async throws(VendorFailure) -> Updates {
    var request = request("GET", "/api/v1/organizations/\(organization)/updates")
    if let tag { request.headers.append(("If-None-Match", tag)) }
    let response = try await send(request)
    let next = response.headers["X-Next-Poll-Seconds"].flatMap { Int64($0) }
    if response.status == 304, tag != nil {
      return Updates(content: .notModified, tag: tag, nextSeconds: next)
    }
    guard response.status == 200 else { throw Self.failure(response, at: now()) }
    // A tag that no header may carry would spoil every request after it.
    let newTag = response.headers["ETag"].flatMap { tag in
      tag.utf8.count <= 256 && tag.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? tag : nil
    }
    do {
      let json = try Self.json(response.body)
      return Updates(content: .offer(try ReleaseOffer.reading(json)), tag: newTag, nextSeconds: next)
    } catch let error as ProtocolError {
      throw VendorFailure(.invalid, "the vendor's server answered what is not an offer: \(error.message)")
    } catch {
      throw VendorFailure(.invalid, "the vendor's server answered what is not valid JSON: \(error)")
    }
  }

  /// - Returns: the answer.
  func beat(_ heartbeat: JSONValue) async throws(VendorFailure) -> JSONValue {
    let response = try await send(
      request("POST", "/api/v1/organizations/\(organization)/heartbeat", body: heartbeat))
    guard (200..<300).contains(response.status) else { throw Self.failure(response, at: now()) }
    // What it says beside the status is worth having, and no more.
    return (try? Self.json(response.body)) ?? .null
  }

  func report(_ report: JSONValue, to path: String) async throws(VendorFailure) {
    let response = try await send(request("POST", path, body: report))
    guard (200..<300).contains(response.status) else { throw Self.failure(response, at: now()) }
  }

  /// A request for an artifact; its answer is streamed.
  /// - Parameters:
  ///   - offset: what is here already.
  ///   - tag: of the answer that it came with; without it the whole is asked for.
  func artifactRequest(version: String, type: String, offset: Int64, tag: String?) -> HTTPRequest {
    var request = request(
      "GET", "/api/artifacts/charts/\(PercentEncoding.encode(version))?type=\(PercentEncoding.encode(type))")
    request.timeout = .seconds(3600)
    request.stallTimeout = .seconds(30)
    request.maximumResponseBytes = .max
    if offset > 0, let tag { request.headers += [("Range", "bytes=\(offset)-"), ("If-Range", tag)] }
    return request
  }

  private var organization: String { PercentEncoding.encode(connection.organization) }

  private func request(_ method: String, _ path: String, body: JSONValue? = nil) -> HTTPRequest {
    var headers = [
      (name: "Authorization", value: "Bearer \(connection.presentAPIKey)"), (name: "Accept", value: "*/*"),
    ]
    if body != nil { headers.append(("Content-Type", "application/json")) }
    return HTTPRequest(
      method: method, url: connection.endpoint + path, headers: headers,
      body: body.map { .bytes($0.serialized()) } ?? .none, timeout: Self.timeout,
      tls: TLSSettings(certificateAuthorityFile: connection.certificateAuthorityFile),
      maximumResponseBytes: Self.maximumAnswerBytes)
  }

  private func send(_ request: HTTPRequest) async throws(VendorFailure) -> HTTPResponse {
    do throws(HTTPTransportError) { return try await http.send(request) } catch { throw VendorFailure(error) }
  }

  static func json(_ bytes: [UInt8]) throws -> JSONValue {
    try JSONValue(parsing: bytes, maximumDepth: maximumAnswerDepth, maximumNodeCount: maximumAnswerNodes)
  }

  /// What an answer other than the expected means.
  static func failure(_ response: HTTPResponse, at now: Timestamp) -> VendorFailure {
    failure(status: response.status, headers: response.headers, body: response.body, at: now)
  }

  static func failure(
    status: Int, headers: HTTPHeaders, body: [UInt8], at now: Timestamp
  ) -> VendorFailure {
    let said = (try? json(body))?["error"]?.string.map { ReportText.cleaned(String($0.prefix(500))) }
    let message = "the vendor's server answered \(status)" + (said.map { ": \($0)" } ?? "")
    let wait = headers["Retry-After"].flatMap { RetryAfter.duration($0, now: now) }
    switch status {
    case 401, 403: return VendorFailure(.unauthorized, "\(message); check WRKTALK_GCC_API_KEY")
    case 300..<400: return VendorFailure(.unavailable(retryAfter: nil), "\(message): redirects are not followed")
    // Without the form of the vendor's errors it is something on the way that speaks.
    case 400..<500 where status != 408 && status != 425 && status != 429 && said != nil:
      return VendorFailure(.rejected(status: status), message)
    default: return VendorFailure(.unavailable(retryAfter: wait), message)
    }
  }
}

/// Why the vendor's server did not do what it was asked for. Holds no secret.
struct VendorFailure: Error, Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    /// It cannot be reached, or will take it later.
    case unavailable(retryAfter: Duration?)
    /// It does not know the key.
    case unauthorized
    /// It will never take this.
    case rejected(status: Int)
    /// Its answer is not one.
    case invalid
    /// This program is ending.
    case cancelled
  }

  var kind: Kind
  var message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  init(_ error: HTTPTransportError) {
    switch error.code {
    case .cancelled: self.init(.cancelled, error.message)
    case .responseTooLarge: self.init(.invalid, error.message)
    default: self.init(.unavailable(retryAfter: nil), error.message)
    }
  }

  var retryAfter: Duration? { if case .unavailable(let wait) = kind { wait } else { nil } }
}

/// The header `Retry-After` (RFC 9110 §10.2.3).
enum RetryAfter {
  /// Nil for what is neither a number of seconds nor a date.
  static func duration(_ text: String, now: Timestamp) -> Duration? {
    if let seconds = Int64(text) { return .seconds(min(max(seconds, 0), 86_400)) }
    return date(text).map { max($0 - now, .zero) }
  }

  /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`; the older forms are not sent any more.
  private static func date(_ text: String) -> Timestamp? {
    let parts = text.split(separator: " ")
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(where: { $0 == parts[2] }) else {
      return nil
    }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return Timestamp("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
  }
}
