import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

/// A resource API in memory: get, list, create, replace, merge patch, delete and watch, with versions and conflicts. Tests
/// break it on purpose.
final class FakeResourceAPI: APITransport {
  struct Recorded: Sendable {
    var method: String
    var path: String
    var query: String
    var headers: [String: String]
    var body: JSONValue?
    var timeout: Duration?
  }

  private struct State {
    var objects: [String: JSONValue] = [:]
    var revision = 10
    var requests: [Recorded] = []
    var failures: [HTTPResponse] = []
    var isDown = false
    /// Versions up to this one are forgotten.
    var forgottenRevision = 0
    var changes: [(revision: Int, collection: String, line: JSONValue)] = []
    var watchers: [Int: Watcher] = [:]
    var nextWatcher = 0
    var observers: [(isMet: @Sendable ([Recorded]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private struct Watcher {
    var collection: String
    var pieces: AsyncStream<[UInt8]>.Continuation
  }

  private let state = Mutex(State())

  var requests: [Recorded] { state.withLock { $0.requests } }
  var openWatches: Int { state.withLock { $0.watchers.count } }

  /// Returns once the requests so far satisfy `isMet`.
  func requests(until isMet: @escaping @Sendable ([Recorded]) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isAlready = state.withLock { state in
        if isMet(state.requests) { return true }
        state.observers.append((isMet, continuation))
        return false
      }
      if isAlready { continuation.resume() }
    }
  }

  /// Returns once at least so many watches were opened.
  func watches(_ count: Int) async {
    await requests { requests in requests.count { $0.query.contains("watch=true") } >= count }
  }

  // MARK: What tests do to it

  /// The next requests get these answers, whatever they ask.
  func failNext(_ responses: HTTPResponse...) { state.withLock { $0.failures += responses } }

  func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }

  /// Ends all watches, as a server does after their time.
  func endWatches() {
    let watchers = state.withLock { state in
      defer { state.watchers = [:] }
      return state.watchers.values.map(\.pieces)
    }
    for watcher in watchers { watcher.finish() }
  }

  func forgetChanges() { state.withLock { $0.forgottenRevision = $0.revision } }

  func bookmark() {
    state.withLock { state in
      state.revision += 1
      let line: JSONValue = [
        "type": "BOOKMARK", "object": ["metadata": ["resourceVersion": .string(String(state.revision))]],
      ]
      for watcher in state.watchers.values { watcher.pieces.yield(line.serialized() + [0x0A]) }
    }
  }

  func put(_ object: JSONValue, at path: String) { _ = state.withLock { Self.store(object, at: path, &$0) } }

  func remove(_ path: String) { state.withLock { Self.remove(path, &$0) } }

  func object(at path: String) -> JSONValue? { state.withLock { $0.objects[path] } }

  func objects(below path: String) -> [JSONValue] {
    state.withLock { state in
      state.objects.filter { $0.key.hasPrefix(path + "/") }.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  // MARK: APITransport

  func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse {
    let recorded = Self.record(request)
    let (answer, met) = state.withLock { state -> (HTTPResponse?, [CheckedContinuation<Void, Never>]) in
      let met = Self.note(recorded, &state)
      if state.isDown { return (nil, met) }
      if !state.failures.isEmpty { return (state.failures.removeFirst(), met) }
      return (Self.answer(recorded, &state), met)
    }
    for continuation in met { continuation.resume() }
    guard let answer else { throw HTTPTransportError(code: .couldNotConnect, message: "connection refused") }
    return answer
  }

  func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream {
    let recorded = Self.record(request)
    let (answer, met) = state.withLock { state -> (APIStream?, [CheckedContinuation<Void, Never>]) in
      let met = Self.note(recorded, &state)
      if state.isDown { return (nil, met) }
      if !state.failures.isEmpty {
        let failure = state.failures.removeFirst()
        return (APIStream(status: failure.status, body: Pieces([failure.body])), met)
      }
      return (watch(recorded, &state), met)
    }
    for continuation in met { continuation.resume() }
    guard let answer else { throw HTTPTransportError(code: .couldNotConnect, message: "connection refused") }
    return answer
  }

  private func watch(_ request: Recorded, _ state: inout State) -> APIStream {
    let version = request.query.split(separator: "&").first { $0.hasPrefix("resourceVersion=") }
      .flatMap { Int($0.dropFirst("resourceVersion=".count)) }
    let (stream, pieces) = AsyncStream<[UInt8]>.makeStream()
    if let version, version < state.forgottenRevision {
      let gone: JSONValue = ["type": "ERROR", "object": StatusError(.expired, "too old resource version").json]
      pieces.yield(gone.serialized() + [0x0A])
      pieces.finish()
      return APIStream(status: 200, body: Pieces(stream))
    }
    for change in state.changes where change.collection == request.path && change.revision > version ?? 0 {
      pieces.yield(change.line.serialized() + [0x0A])
    }
    state.nextWatcher += 1
    state.watchers[state.nextWatcher] = Watcher(collection: request.path, pieces: pieces)
    return APIStream(status: 200, body: Pieces(stream))
  }

  private static func note(_ request: Recorded, _ state: inout State) -> [CheckedContinuation<Void, Never>] {
    state.requests.append(request)
    let requests = state.requests
    let met = state.observers.filter { $0.isMet(requests) }.map(\.continuation)
    state.observers.removeAll { $0.isMet(requests) }
    return met
  }

  private static func record(_ request: HTTPRequest) -> Recorded {
    let rest = request.url.dropFirst("https://api".count)
    let parts = rest.split(separator: "?", maxSplits: 1)
    var body: JSONValue?
    if case .bytes(let bytes) = request.body { body = try? JSONValue(parsing: bytes) }
    return Recorded(
      method: request.method, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "",
      headers: Dictionary(request.headers.map { ($0.name, $0.value) }) { first, _ in first }, body: body,
      timeout: request.timeout)
  }

  private static func answer(_ request: Recorded, _ state: inout State) -> HTTPResponse {
    let isCollection = ["desireddeployments", "leases", "events", "pods", "nodes"].contains {
      request.path.hasSuffix("/\($0)")
    }
    let path = request.path.hasSuffix("/status") ? String(request.path.dropLast("/status".count)) : request.path
    switch (request.method, isCollection) {
    case ("GET", true):
      let items = state.objects.filter { $0.key.hasPrefix(path + "/") }.sorted { $0.key < $1.key }.map(\.value)
      return json(
        ["kind": "List", "metadata": ["resourceVersion": .string(String(state.revision))], "items": .array(items)])
    case ("GET", false): return state.objects[path].map { json($0) } ?? failure(.notFound)
    case ("POST", _):
      guard let body = request.body, let name = body["metadata"]?["name"]?.string else { return failure(.badRequest) }
      guard state.objects["\(path)/\(name)"] == nil else { return failure(.alreadyExists) }
      return json(store(body, at: "\(path)/\(name)", &state), status: 201)
    case ("PUT", _), ("PATCH", _):
      guard let old = state.objects[path], let body = request.body else { return failure(.notFound) }
      let version = body["metadata"]?["resourceVersion"]
      if let version, version != old["metadata"]?["resourceVersion"] { return failure(.conflict) }
      return json(store(request.method == "PUT" ? body : old.mergePatched(with: body), at: path, &state))
    case ("DELETE", _):
      guard state.objects[path] != nil else { return failure(.notFound) }
      remove(path, &state)
      return json(["kind": "Status", "status": "Success"])
    default: return failure(.methodNotAllowed)
    }
  }

  private static func store(_ object: JSONValue, at path: String, _ state: inout State) -> JSONValue {
    state.revision += 1
    var object = object
    var metadata = object["metadata"] ?? .object([:])
    metadata["resourceVersion"] = .string(String(state.revision))
    object["metadata"] = metadata
    let type = state.objects.updateValue(object, forKey: path) == nil ? "ADDED" : "MODIFIED"
    announce(type, object, path, &state)
    return object
  }

  private static func remove(_ path: String, _ state: inout State) {
    guard var object = state.objects.removeValue(forKey: path) else { return }
    state.revision += 1
    var metadata = object["metadata"] ?? .object([:])
    metadata["resourceVersion"] = .string(String(state.revision))
    object["metadata"] = metadata
    announce("DELETED", object, path, &state)
  }

  private static func announce(_ type: String, _ object: JSONValue, _ path: String, _ state: inout State) {
    let collection = path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    let line: JSONValue = ["type": .string(type), "object": object]
    state.changes.append((state.revision, collection, line))
    for watcher in state.watchers.values where watcher.collection == collection {
      watcher.pieces.yield(line.serialized() + [0x0A])
    }
  }

  private static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, body: value.serialized())
  }

  static func failure(_ reason: StatusError.Reason, _ message: String? = nil) -> HTTPResponse {
    json(StatusError(reason, message ?? "the fake says \(reason.rawValue)").json, status: reason.httpStatus)
  }
}

/// A body whose pieces a test chooses.
struct Pieces: AsyncSequence, Sendable {
  typealias Element = [UInt8]
  typealias Failure = HTTPTransportError

  private let stream: AsyncStream<[UInt8]>
  private let failure: HTTPTransportError?

  init(_ stream: AsyncStream<[UInt8]>, failure: HTTPTransportError? = nil) {
    self.stream = stream
    self.failure = failure
  }

  init(_ pieces: [[UInt8]], failure: HTTPTransportError? = nil) {
    self.init(
      AsyncStream { continuation in
        for piece in pieces { continuation.yield(piece) }
        continuation.finish()
      }, failure: failure)
  }

  func makeAsyncIterator() -> Iterator { Iterator(iterator: stream.makeAsyncIterator(), failure: failure) }

  struct Iterator: AsyncIteratorProtocol {
    var iterator: AsyncStream<[UInt8]>.Iterator
    let failure: HTTPTransportError?

    mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws(HTTPTransportError) -> [UInt8]?
    {
      if let piece = await iterator.next(isolation: actor) { return piece }
      if Task.isCancelled { throw HTTPTransportError(code: .cancelled, message: "cancelled") }
      if let failure { throw failure }
      return nil
    }
  }
}
