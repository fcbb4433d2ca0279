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
    try await json("GET", path(names, key), accept: representation.accept(isList: false))
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
      "GET", RequestURL.path(names, namespace: namespace) + RequestURL.query(items),
      accept: representation.accept(isList: true))
  }

  /// All objects, page after page; begins once more where the server forgot the list half way (410).
  public func list(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector = .everything, pageSize: Int = 500,
    representation: Representation = .object
  ) async throws(ResourceClientError) -> ResourceList<JSONValue> {
    var restarts = 0
    while true {
      do throws(ResourceClientError) {
        return try await readPages(
          names, namespace: namespace, selector: selector, pageSize: pageSize, representation: representation)
      } catch {
        restarts += 1
        guard error.isExpired, restarts < 3 else { throw error }
      }
    }
  }

  private func readPages(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector, pageSize: Int, representation: Representation
  ) async throws(ResourceClientError) -> ResourceList<JSONValue> {
    var items: [JSONValue] = []
    var continueToken: String?
    while true {
      let page = try await page(
        names, namespace: namespace, selector: selector, limit: pageSize, continueToken: continueToken,
        representation: representation)
      // An API server writes an empty list of metadata as null.
      let pageItems = page["items"]?.isNull == true ? [] : page["items"]?.array
      guard let pageItems, let version = page["metadata"]?["resourceVersion"]?.string else {
        throw .protocolViolation("\(endpoint.baseURL) answered a list without items and resourceVersion")
      }
      // The items of a list may leave out what all of them have in common.
      items += pageItems.map { item in
        var item = item
        if item["apiVersion"] == nil { item["apiVersion"] = .string(names.apiVersion) }
        if item["kind"] == nil { item["kind"] = .string(names.kind) }
        return item
      }
      let next = page["metadata"]?["continue"]?.string
      guard let next, !next.isEmpty else { return ResourceList(items: items, resourceVersion: version) }
      if next == continueToken || pageItems.isEmpty {
        throw .protocolViolation("\(endpoint.baseURL) answered the same page of a list twice")
      }
      continueToken = next
    }
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

  /// Server-side apply: the fields of `object`, which names itself, become those of `fieldManager`, others stay.
  /// - Parameter force: takes fields over from other managers; without it they are conflicts (409).
  public func apply(
    _ names: ResourceNames, _ key: ObjectKey, _ object: JSONValue, fieldManager: String, force: Bool,
    options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> JSONValue {
    var options = options
    options.fieldManager = fieldManager
    // JSON is YAML.
    return try await json(
      "PATCH", path(names, key, nil, options.queryItems + [("force", String(force))]), body: object,
      contentType: "application/apply-patch+yaml")
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

  /// Any GET of the server that answers text, such as `/metrics`.
  public func text(path: String) async throws(ResourceClientError) -> String {
    let response = try await response(
      HTTPRequest(
        url: endpoint.baseURL + path, headers: [("Accept", "*/*")], timeout: timeout, tls: endpoint.tls))
    guard response.isSuccess else {
      throw ResponseReader.error(status: response.status, body: response.body, from: endpoint.baseURL)
    }
    return String(decoding: response.body, as: UTF8.self)
  }

  /// Any POST of the server that is about no resource: `/internal/config`.
  public func post(path: String, body: JSONValue) async throws(ResourceClientError) -> JSONValue {
    try await json("POST", path, body: body)
  }

  /// Any PUT of the server that is about no resource.
  public func put(path: String, body: JSONValue) async throws(ResourceClientError) -> JSONValue {
    try await json("PUT", path, body: body)
  }

  /// Any DELETE of the server that is about no resource.
  @discardableResult
  public func delete(path: String) async throws(ResourceClientError) -> JSONValue { try await json("DELETE", path) }

  /// Sends a body of any size, for as long as it takes while it moves.
  public func upload(
    path: String, contentType: String, parts: [UploadPart],
    onProgress: @escaping @Sendable (_ sentBytes: Int) -> Void = { _ in }
  ) async throws(ResourceClientError) -> JSONValue {
    let request = HTTPRequest(
      method: "POST", url: endpoint.baseURL + path,
      headers: [("Accept", "application/json"), ("Content-Type", contentType)],
      body: .parts(parts, onProgress: onProgress), timeout: nil, stallTimeout: .seconds(120), tls: endpoint.tls)
    return try ResponseReader.read(try await response(request), from: endpoint.baseURL, onWarning: onWarning)
  }

  /// The end of what a pod's container wrote.
  /// - Parameters:
  ///   - container: nil where the pod has only one.
  ///   - previous: of the instance before the one that runs.
  public func podLog(
    _ key: ObjectKey, container: String?, previous: Bool, tailLines: Int, limitBytes: Int
  ) async throws(ResourceClientError) -> String {
    var items = [("tailLines", String(tailLines)), ("limitBytes", String(limitBytes)), ("previous", String(previous))]
    if let container { items.append(("container", container)) }
    let pods = ResourceNames(group: "", version: "v1", kind: "Pod", plural: "pods", singular: "pod")
    let response = try await response(
      HTTPRequest(
        url: endpoint.baseURL + path(pods, key, "log", items), headers: [("Accept", "*/*")], timeout: timeout,
        tls: endpoint.tls))
    guard response.isSuccess else {
      throw ResponseReader.error(status: response.status, body: response.body, from: endpoint.baseURL)
    }
    return String(decoding: response.body, as: UTF8.self)
  }

  private func path(
    _ names: ResourceNames, _ key: ObjectKey, _ subresource: String? = nil,
    _ items: [(name: String, value: String)] = []
  ) -> String {
    RequestURL.path(names, namespace: key.namespace, name: key.name, subresource: subresource) + RequestURL.query(items)
  }

  private func json(
    _ method: String, _ path: String, accept: String = Representation.object.accept(isList: false),
    body: JSONValue? = nil, contentType: String = "application/json"
  ) async throws(ResourceClientError) -> JSONValue {
    var request = HTTPRequest(
      method: method, url: endpoint.baseURL + path, headers: [("Accept", accept)], timeout: timeout, tls: endpoint.tls)
    if let body {
      request.headers.append(("Content-Type", contentType))
      request.body = .bytes(body.serialized())
    }
    return try ResponseReader.read(try await response(request), from: endpoint.baseURL, onWarning: onWarning)
  }

  private func response(_ request: HTTPRequest) async throws(ResourceClientError) -> HTTPResponse {
    let token = try endpoint.bearerToken()
    let response = try await send(request, token: token)
    guard response.status == 401 else { return response }
    // A token file may have been rotated between the reading and the sending; any other 401 stays one.
    let newer = try endpoint.bearerToken()
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

/// The objects of a list, and the version from which a watch goes on.
public struct ResourceList<Object: Sendable>: Sendable {
  public var items: [Object]
  public var resourceVersion: String

  public init(items: [Object], resourceVersion: String) {
    self.items = items
    self.resourceVersion = resourceVersion
  }
}
