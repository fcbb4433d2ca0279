import HTTPTransport
import Synchronization
import WireFormats

/// The Docker Engine API, as far as the Agent uses it: what reads. What Compose cannot be asked for is changed in
/// `DockerEngine+Changes`.
final class DockerEngine: Sendable {
  let endpoint: DockerEndpoint
  private let http: HTTPClient
  /// The API version agreed upon, such as `1.41`.
  private let version = Mutex<String?>(nil)

  /// The newest version of the API whose answers this client knows.
  static let newestVersion = EngineVersion(major: 1, minor: 47)

  init(endpoint: DockerEndpoint, http: HTTPClient) {
    self.endpoint = endpoint
    self.http = http
  }

  /// Every container of a Compose project, also those that do not run.
  func containers(project: String) async throws(RuntimeFailure) -> [EngineContainer] {
    let filters: JSONValue = ["label": [.string("com.docker.compose.project=\(project)")]]
    let list = try await json("/containers/json?all=1&filters=\(PercentEncoding.encode(filters.text))", limit: 32 << 20)
    // What is being removed is as good as gone.
    return (list?.array ?? []).filter { $0["State"]?.string != "removing" }.compactMap(EngineContainer.init)
  }

  /// Nil where there is no such container any more.
  func detail(container id: String) async throws(RuntimeFailure) -> EngineContainerDetail? {
    try await json("/containers/\(PercentEncoding.encode(id))/json", limit: 8 << 20).map(EngineContainerDetail.init)
  }

  /// Nil where the engine has no such image.
  func image(_ reference: String) async throws(RuntimeFailure) -> EngineImage? {
    try await json("/images/\(PercentEncoding.encode(reference, keeping: "/:@"))/json", limit: 8 << 20).flatMap(
      EngineImage.init)
  }

  /// The last lines that a container wrote, as bytes of both its streams; nil where its log driver lets nobody read them.
  func logTail(container id: String, lines: Int, hasTerminal: Bool) async throws(RuntimeFailure) -> [UInt8]? {
    let path = "/containers/\(PercentEncoding.encode(id))/logs?stdout=1&stderr=1&tail=\(lines)"
    let response = try await send(path, limit: 1 << 20)
    guard response.isSuccess else { return nil }
    return hasTerminal ? response.body : EngineLog.demultiplexed(response.body)
  }

  /// Opens the stream of what happens to a project's containers. Probes of health checks are left out: only a change of
  /// health counts.
  func events(project: String) async throws(RuntimeFailure) -> HTTPStreamingResponse {
    let kinds = [
      "create", "start", "die", "stop", "kill", "destroy", "restart", "pause", "unpause", "rename", "oom", "update",
      "health_status",
    ]
    let filters: JSONValue = [
      "type": ["container"], "label": [.string("com.docker.compose.project=\(project)")],
      "event": .array(kinds.map { .string($0) }),
    ]
    let path = "/events?filters=\(PercentEncoding.encode(filters.text))"
    do {
      let response = try await http.stream(try await request(path, limit: .max, timeout: nil))
      guard response.status == 200 else { throw failure(status: response.status, message: nil) }
      return response
    } catch let error as HTTPTransportError {
      throw failure(error)
    } catch let error as RuntimeFailure {
      throw error
    } catch {
      throw RuntimeFailure(kind: .transient, reason: "EngineUnreachable", message: "\(error)")
    }
  }

  // MARK: - Requests

  /// The answer as JSON; nil for 404.
  func json(_ path: String, limit: Int) async throws(RuntimeFailure) -> JSONValue? {
    let response = try await send(path, limit: limit)
    if response.status == 404 { return nil }
    do {
      let body = try JSONValue(parsing: response.body)
      guard response.isSuccess else { throw failure(status: response.status, message: body["message"]?.string) }
      return body
    } catch let error as RuntimeFailure {
      throw error
    } catch {
      throw failure(status: response.status, message: "its answer is not valid JSON: \(error)")
    }
  }

  /// - Parameter body: sent as JSON.
  func send(
    _ path: String, method: String = "GET", headers: [(name: String, value: String)] = [], body: JSONValue? = nil,
    limit: Int, timeout: Duration? = .seconds(30)
  ) async throws(RuntimeFailure) -> HTTPResponse {
    var request = try await request(path, limit: limit, timeout: timeout)
    request.method = method
    request.headers += headers
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.serialized())
    }
    do { return try await http.send(request) } catch { throw failure(error) }
  }

  /// Whether the engine answers now, and goes on to: over a connection of its own, for an engine that is stopping still
  /// answers those that it has.
  func isAnswering() async -> Bool {
    let client = HTTPClient(userAgent: "wrktalk-agent")
    let response = try? await client.send(bare("/_ping", limit: 64 << 10, timeout: .seconds(10)))
    await client.shutdown()
    return response?.isSuccess == true
  }

  private func request(_ path: String, limit: Int, timeout: Duration?) async throws(RuntimeFailure) -> HTTPRequest {
    bare("/v\(try await negotiatedVersion())\(path)", limit: limit, timeout: timeout)
  }

  private func bare(_ path: String, limit: Int, timeout: Duration?) -> HTTPRequest {
    HTTPRequest(
      url: "http://docker\(path)", timeout: timeout, unixSocketPath: endpoint.socketPath, maximumResponseBytes: limit)
  }

  private func negotiatedVersion() async throws(RuntimeFailure) -> String {
    if let known = version.withLock({ $0 }) { return known }
    let response: HTTPResponse
    do { response = try await http.send(bare("/_ping", limit: 64 << 10, timeout: .seconds(10))) } catch {
      throw failure(error)
    }
    guard response.isSuccess else { throw failure(response) }
    let offered = response.headers["Api-Version"].flatMap(EngineVersion.init) ?? Self.newestVersion
    let agreed = min(offered, Self.newestVersion).description
    version.withLock { $0 = agreed }
    return agreed
  }

  private func failure(_ error: HTTPTransportError) -> RuntimeFailure {
    switch error.code {
    case .cancelled: return .stopped
    case .responseTooLarge, .invalidRequest, .fileUnreadable:
      return RuntimeFailure(
        kind: .transient, reason: "EngineError",
        message: "The Docker engine at \(endpoint) gave no usable answer: \(error.message)")
    case .couldNotResolve, .couldNotConnect, .addressRefused, .tls, .timedOut, .connectionLost:
      // The engine may come back as another version.
      version.withLock { $0 = nil }
      return RuntimeFailure(
        kind: .transient, reason: "EngineUnreachable",
        message: """
          The Docker engine at \(endpoint) does not answer: \(error.message). Check that it runs and that the Agent may \
          use its socket
          """)
    }
  }

  /// In the engine's own words.
  func failure(_ response: HTTPResponse) -> RuntimeFailure {
    failure(status: response.status, message: (try? JSONValue(parsing: response.body))?["message"]?.string)
  }

  private func failure(status: Int, message: String?) -> RuntimeFailure {
    RuntimeFailure(
      kind: .transient, reason: "EngineError",
      message: "The Docker engine at \(endpoint) answered \(status)" + (message.map { ": \($0)" } ?? ""))
  }
}

/// A version of the Engine API: `1.41`.
struct EngineVersion: Sendable, Comparable, CustomStringConvertible {
  var major: Int
  var minor: Int

  init(major: Int, minor: Int) {
    self.major = major
    self.minor = minor
  }

  init?(_ text: String) {
    let parts = text.split(separator: ".").map { Int($0) }
    guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
    self.init(major: major, minor: minor)
  }

  static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }

  var description: String { "\(major).\(minor)" }
}

extension RuntimeFailure {
  /// The Agent is stopping.
  static let stopped = RuntimeFailure(kind: .cancelled, reason: "Cancelled", message: "The Agent was asked to stop")
}
