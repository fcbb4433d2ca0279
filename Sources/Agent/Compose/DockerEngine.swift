import HTTPTransport
import Synchronization
import WireFormats

/// The Docker Engine API, as far as the Agent uses it: nearly all of it reads, for changes are Compose's to make.
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
    return (list?.array ?? []).compactMap(EngineContainer.init)
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

  /// The last lines that a container wrote, as bytes of both its streams; empty where its log driver keeps none.
  func logTail(container id: String, lines: Int, hasTerminal: Bool) async throws(RuntimeFailure) -> [UInt8] {
    let path = "/containers/\(PercentEncoding.encode(id))/logs?stdout=1&stderr=1&tail=\(lines)"
    let response = try await send(path, limit: 1 << 20)
    guard response.isSuccess else { return [] }
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

  /// Takes what stands in the way of `up` out of it. Volumes are kept.
  func clear(_ obstacle: UpObstacle) async throws(RuntimeFailure) {
    let response: HTTPResponse
    switch obstacle {
    case .remove(let id):
      response = try await send("/containers/\(PercentEncoding.encode(id))?force=1", method: "DELETE", limit: 1 << 20)
    case .rename(let id, let name):
      let path = "/containers/\(PercentEncoding.encode(id))/rename?name=\(PercentEncoding.encode(name))"
      response = try await send(path, method: "POST", limit: 1 << 20)
    }
    // Somebody else may have removed it meanwhile.
    guard response.isSuccess || response.status == 404 else { throw failure(status: response.status, message: nil) }
  }

  /// - Throws: `ContainerNotStarted`, with the engine's own word.
  func start(_ container: EngineContainer) async throws(RuntimeFailure) {
    let response = try await send(
      "/containers/\(PercentEncoding.encode(container.id))/start", method: "POST", limit: 1 << 20)
    guard !response.isSuccess, response.status != 304 else { return }
    let message = (try? JSONValue(parsing: response.body))?["message"]?.string ?? "status \(response.status)"
    throw RuntimeFailure(
      kind: .permanent, reason: "ContainerNotStarted",
      message: "The Docker engine could not start the container \(container.name): \(message)")
  }

  /// Ends a container with its own stop signal and removes it, or kills it after `grace`. Volumes are kept.
  /// - Parameter grace: in whole seconds, less than the timeout of a request.
  func retire(_ container: EngineContainer, grace: Duration) async throws(RuntimeFailure) {
    let path = "/containers/\(PercentEncoding.encode(container.id))/stop?t=\(grace.components.seconds)"
    let response = try await send(path, method: "POST", limit: 1 << 20)
    guard response.isSuccess || response.status == 304 || response.status == 404 else {
      throw failure(status: response.status, message: nil)
    }
    try await clear(.remove(id: container.id))
  }

  /// Removes the containers and networks of a Compose project; its volumes stay.
  /// - Parameter kept: what to leave where it is: the Agent's own container.
  func remove(project: String, keeping kept: OwnContainer?) async throws(RuntimeFailure) {
    let containers = try await containers(project: project)
    let own = kept?.find(among: containers)
    for container in containers where container.id != own?.id { try await clear(.remove(id: container.id)) }
    let filters: JSONValue = ["label": [.string("com.docker.compose.project=\(project)")]]
    let networks = try await json("/networks?filters=\(PercentEncoding.encode(filters.text))", limit: 8 << 20)
    for id in (networks?.array ?? []).compactMap({ $0["Id"]?.string }) {
      let response = try await send("/networks/\(PercentEncoding.encode(id))", method: "DELETE", limit: 1 << 20)
      // Somebody else's container may be on it: then it is not the project's alone.
      guard response.isSuccess || response.status == 404 || response.status == 403 || response.status == 409 else {
        throw failure(status: response.status, message: nil)
      }
    }
  }

  // MARK: - Requests

  /// The answer as JSON; nil for 404.
  private func json(_ path: String, limit: Int) async throws(RuntimeFailure) -> JSONValue? {
    let response = try await send(path, limit: limit)
    if response.status == 404 { return nil }
    do {
      let body = try JSONValue(parsing: response.body)
      guard response.isSuccess else { throw failure(status: response.status, message: body["message"]?.string) }
      return body
    } catch let error as RuntimeFailure {
      throw error
    } catch {
      throw failure(status: response.status, message: "its answer is no JSON: \(error)")
    }
  }

  private func send(
    _ path: String, method: String = "GET", limit: Int
  ) async throws(RuntimeFailure) -> HTTPResponse {
    var request = try await request(path, limit: limit, timeout: .seconds(30))
    request.method = method
    do { return try await http.send(request) } catch { throw failure(error) }
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
    guard response.isSuccess else { throw failure(status: response.status, message: nil) }
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
    case .couldNotResolve, .couldNotConnect, .tls, .timedOut, .connectionLost:
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
