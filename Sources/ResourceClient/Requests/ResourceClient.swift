public import HTTPTransport
public import ResourceModel
public import WireFormats

/// A client of a Kubernetes-style resource API: the Backend's, or a Kubernetes API server's.
///
/// These are the untyped operations over `ResourceNames` and `JSONValue`, which keep fields that this program does not
/// know; the typed ones over `ResourceKind` stand beside them. A nil namespace is all namespaces.
public struct ResourceClient: Sendable {
  public let endpoint: APIEndpoint
  let transport: any APITransport
  /// Called with each warning the server attaches to an answer (`Warning: 299`).
  let onWarning: @Sendable (String) -> Void
  /// How long one request may take; a watch has its own bound.
  let timeout: Duration

  public init(
    endpoint: APIEndpoint, transport: any APITransport, timeout: Duration = .seconds(30),
    onWarning: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.endpoint = endpoint
    self.transport = transport
    self.timeout = timeout
    self.onWarning = onWarning
  }

  public init(
    endpoint: APIEndpoint, http: HTTPClient, timeout: Duration = .seconds(30),
    onWarning: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.init(endpoint: endpoint, transport: HTTPClientTransport(http), timeout: timeout, onWarning: onWarning)
  }

  /// The same client, whose requests take at most `limit`.
  func limited(to limit: Duration) -> ResourceClient {
    ResourceClient(endpoint: endpoint, transport: transport, timeout: min(timeout, limit), onWarning: onWarning)
  }

  // MARK: Reading

  public func get(
    _ names: ResourceNames, _ key: ObjectKey, representation: Representation = .object
  ) async throws(ResourceClientError) -> JSONValue {
    try await json("GET", path(names, key), accept: representation.accept)
  }

  /// One page of a list, as the server gives it.
  /// - Parameter limit: at most this many objects; the answer's `metadata.continue` names the next page.
  public func page(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector = .everything, limit: Int,
    continueToken: String? = nil, representation: Representation = .object
  ) async throws(ResourceClientError) -> JSONValue {
    var items = selector.queryItems
    items.append(("limit", String(limit)))
    if let continueToken { items.append(("continue", continueToken)) }
    return try await json(
      "GET", RequestURL.path(names, namespace: namespace) + RequestURL.query(items), accept: representation.listAccept)
  }

  // MARK: Writing

  public func create(
    _ names: ResourceNames, namespace: String, _ object: JSONValue, options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    try await json(
      "POST", RequestURL.path(names, namespace: namespace) + RequestURL.query(options.queryItems), body: object)
  }

  /// Writes the whole object; with a `metadata.resourceVersion` only over exactly that version (409 otherwise).
  public func replace(
    _ names: ResourceNames, _ key: ObjectKey, _ object: JSONValue, subresource: String? = nil,
    options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    try await json("PUT", path(names, key, subresource, options.queryItems), body: object)
  }

  /// RFC 7386: members of `patch` replace the object's, null removes.
  public func mergePatch(
    _ names: ResourceNames, _ key: ObjectKey, _ patch: JSONValue, subresource: String? = nil,
    options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    try await json(
      "PATCH", path(names, key, subresource, options.queryItems), body: patch,
      contentType: "application/merge-patch+json")
  }

  /// RFC 6902: an array of operations, all or none of them.
  public func jsonPatch(
    _ names: ResourceNames, _ key: ObjectKey, _ operations: [JSONValue], subresource: String? = nil,
    options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    try await json(
      "PATCH", path(names, key, subresource, options.queryItems), body: .array(operations),
      contentType: "application/json-patch+json")
  }

  /// Server-side apply: the fields of `object` become this manager's, and those it had named before and left out now go.
  /// Creates the object where there is none.
  ///
  /// - Parameters:
  ///   - fieldManager: who writes; takes the place of the one in `options`.
  ///   - force: takes over fields that other managers own, instead of failing with 409 `Conflict`.
  public func apply(
    _ names: ResourceNames, _ key: ObjectKey, _ object: JSONValue, fieldManager: String, force: Bool,
    options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    var options = options
    options.fieldManager = fieldManager
    var items = options.queryItems
    if force { items.append(("force", "true")) }
    // JSON is YAML.
    return try await json(
      "PATCH", path(names, key, nil, items), body: object, contentType: "application/apply-patch+yaml")
  }

  /// - Returns: the object where it stays until its finalizers are done, else a `Status`.
  @discardableResult
  public func delete(
    _ names: ResourceNames, _ key: ObjectKey, options: DeleteOptions = DeleteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    var body: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions"]
    if let uid = options.uid { body["preconditions"] = ["uid": .string(uid)] }
    if let policy = options.propagationPolicy { body["propagationPolicy"] = .string(policy.rawValue) }
    if options.isDryRun { body["dryRun"] = ["All"] }
    return try await json("DELETE", path(names, key), body: body)
  }

  // MARK: Requests

  /// Any GET of the server: `/version`, `/openapi/v3`.
  public func get(path: String) async throws(ResourceClientError) -> JSONValue { try await json("GET", path) }

  /// Any POST of the server that is about no resource: `/internal/config`.
  public func post(path: String, body: JSONValue) async throws(ResourceClientError) -> JSONValue {
    try await json("POST", path, body: body)
  }

  func path(
    _ names: ResourceNames, _ key: ObjectKey, _ subresource: String? = nil,
    _ items: [(name: String, value: String)] = []
  ) -> String {
    RequestURL.path(names, namespace: key.namespace, name: key.name, subresource: subresource) + RequestURL.query(items)
  }

  private func json(
    _ method: String, _ path: String, accept: String = Representation.object.accept, body: JSONValue? = nil,
    contentType: String = "application/json"
  ) async throws(ResourceClientError) -> JSONValue {
    var request = request(method, path, accept: accept)
    if let body {
      request.headers.append(("Content-Type", contentType))
      request.body = .bytes(body.serialized())
    }
    return try ResponseReader.read(try await response(to: request), from: endpoint.baseURL, onWarning: onWarning)
  }

  func request(_ method: String, _ path: String, accept: String) -> HTTPRequest {
    HTTPRequest(
      method: method, url: endpoint.baseURL + path, headers: [("Accept", accept)], timeout: timeout, tls: endpoint.tls)
  }

  /// The answer to `request`, which is sent with the endpoint's token.
  func response(to request: HTTPRequest) async throws(ResourceClientError) -> HTTPResponse {
    let token = try endpoint.token.read()
    let response = try await send(request, token: token)
    guard response.status == 401 else { return response }
    // A token file may have been rotated between the reading and the sending; any other 401 stays one.
    let newer = try endpoint.token.read()
    return newer == token ? response : try await send(request, token: newer)
  }

  private func send(_ request: HTTPRequest, token: String?) async throws(ResourceClientError) -> HTTPResponse {
    var request = request
    if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
    do throws(HTTPTransportError) {
      return try await transport.send(request)
    } catch {
      throw .unreachable(error)
    }
  }
}
