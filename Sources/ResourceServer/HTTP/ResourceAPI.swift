import CoreMetrics
import Hummingbird
import Logging
import ResourceModel
public import ResourceStorage
public import WireFormats

/// The Kubernetes-style API over stored kinds.
public struct ResourceAPI: Sendable {
  public struct Configuration: Sendable {
    /// For everything but a watch and the sending of a long list.
    public var requestTimeout: Duration = .seconds(30)
    /// Watches at the same time; more are refused for the moment.
    public var maximumWatchers = 4096
    /// Of those, how many one token may have.
    public var maximumWatchersPerIdentity = 64
    /// Of those, how many only Agents may have; at most a quarter of all.
    public var watchersReservedForAgents = 64
    /// So many a second for long, and so many at once.
    public struct Allowance: Sendable, Hashable {
      public var rate: Double
      public var burst: Double

      public init(rate: Double, burst: Double) {
        self.rate = rate
        self.burst = burst
      }
    }

    /// Tokens to look up that this process has not seen yet, from one address.
    public var unknownTokens = Allowance(rate: 50, burst: 400)
    /// Requests with a body of more than 64 KB at the same time, and likewise answers: each may lie in memory whole.
    public var maximumLargeTransfers = 64
    public var largeTransfersPerIdentity = 16
    /// How long a list of several pages may take to be read.
    public var maximumListDuration = Duration.seconds(600)
    /// How often a watch looks whether its token still is valid.
    public var watchRecheckInterval: Duration = .seconds(10)
    /// The longest a watch lasts; clients start a new one where it ends.
    public var maximumWatchDuration: Duration = .seconds(3600)
    /// Requests a second that one token may send for long, and at once.
    public var requestsPerSecond: Double = 1000
    public var requestBurst: Double = 4000
    /// True where `/metrics` needs no token.
    public var areMetricsOpen = false
    /// True where a token may come as the password of `Authorization: Basic` from other machines than this one.
    public var acceptsPasswordsFromAnywhere = false
    /// The names by which the server may be addressed.
    public var hosts = HostRule.any

    public init() {}
  }

  let registry: ResourceRegistry
  let store: any ResourceStore
  let configuration: Configuration
  let now: @Sendable () -> Timestamp
  let makeUID: @Sendable () -> String
  let renderMetrics: @Sendable () -> String
  let watchers: PlaceCount
  let openAPI: OpenAPIDocuments

  /// - Parameters:
  ///   - makeUID: gives a new UUID, in lower case.
  ///   - renderMetrics: the answer to `/metrics`, in Prometheus' text format.
  public init(
    registry: ResourceRegistry, store: any ResourceStore, configuration: Configuration = Configuration(),
    now: @escaping @Sendable () -> Timestamp, makeUID: @escaping @Sendable () -> String,
    renderMetrics: @escaping @Sendable () -> String = { "" }
  ) {
    self.registry = registry
    self.store = store
    self.configuration = configuration
    self.now = now
    self.makeUID = makeUID
    self.renderMetrics = renderMetrics
    watchers = PlaceCount(
      "watches", maximum: configuration.maximumWatchers, perIdentity: configuration.maximumWatchersPerIdentity,
      reservedForAgents: configuration.watchersReservedForAgents,
      gauge: Gauge(label: "apiserver_longrunning_requests", dimensions: [("verb", "WATCH")]))
    openAPI = OpenAPIDocuments(registry)
  }

  /// Answers a request whose sender is known.
  /// - Throws: `StatusError`, or what the store throws.
  func respond(to call: APICall) async throws -> Response {
    switch call.path {
    case .collection(let name, let namespace):
      let definition = try definition(name, namespace: namespace)
      // Objects that lie in namespaces are written in one at a time.
      let isWritable = definition.isNamespaced == (namespace != nil)
      switch call.request.method {
      case .get where try call.isWatch:
        return try await watch(definition, namespace: namespace, name: nil, call)
      case .get: return try await list(definition, namespace: namespace, call)
      case .post where isWritable: return try await create(definition, namespace: namespace ?? "", call)
      case .delete where namespace != nil: return try await deleteCollection(definition, namespace: namespace, call)
      default:
        return methodNotAllowed(
          call, allowed: ["GET"] + (isWritable ? ["POST"] : []) + (namespace != nil ? ["DELETE"] : []))
      }
    case .object(let name, let key):
      let definition = try definition(name, key)
      switch call.request.method {
      case .get where try call.isWatch:
        return try await watch(definition, namespace: key.namespace, name: key.name, call)
      case .get: return try await get(definition, key, call)
      case .put: return try await put(definition, key, call, isStatus: false)
      case .patch: return try await patch(definition, key, call, isStatus: false)
      case .delete: return try await delete(definition, key, call)
      default: return methodNotAllowed(call, allowed: ["GET", "PUT", "PATCH", "DELETE"])
      }
    case .status(let name, let key):
      let definition = try definition(name, key)
      guard definition.hasStatus else { throw Self.noSuchPath }
      switch call.request.method {
      case .get: return try await get(definition, key, call)
      case .put: return try await put(definition, key, call, isStatus: true)
      case .patch: return try await patch(definition, key, call, isStatus: true)
      default: return methodNotAllowed(call, allowed: ["GET", "PUT", "PATCH"])
      }
    case .review(let review):
      guard call.request.method == .post else { return methodNotAllowed(call, allowed: ["POST"]) }
      return try await answer(review, call)
    case .health, .metrics, .version, .coreVersions, .groups, .group, .resources, .root, .customResourceDefinitions,
      .openAPIV2, .openAPIIndex, .openAPIDocument:
      guard call.request.method == .get || call.request.method == .head else {
        return methodNotAllowed(call, allowed: ["GET", "HEAD"])
      }
      return try document(call.path, accept: call.request.headers[.accept])
    }
  }

  static let noSuchPath = StatusError(.notFound, "the server could not find the requested resource")

  /// - Throws: `notFound` where no such kind is served, or objects of the whole cluster are looked for in a namespace.
  private func definition(_ name: APIPath.GroupVersionPlural, namespace: String?) throws -> ResourceDefinition {
    guard let definition = registry.definition(name), definition.isNamespaced || namespace == nil else {
      throw Self.noSuchPath
    }
    return definition
  }

  private func definition(_ name: APIPath.GroupVersionPlural, _ key: ObjectKey) throws -> ResourceDefinition {
    guard let definition = registry.definition(name), definition.isNamespaced == !key.namespace.isEmpty else {
      throw Self.noSuchPath
    }
    return definition
  }

  /// RFC 9110 §15.5.6: the answer names what is allowed.
  private func methodNotAllowed(_ call: APICall, allowed: [String]) -> Response {
    let allowed = allowed.joined(separator: ", ")
    var response = Response.failure(
      StatusError(
        .methodNotAllowed,
        "the server does not allow \(call.request.method.rawValue.prefix(20)) on the requested resource; it allows "
          + allowed))
    response.headers[.allow] = allowed
    return response
  }

  func lifecycle(_ definition: ResourceDefinition) -> ObjectLifecycle { ObjectLifecycle(definition: definition) }
}

/// One request, read as far as every endpoint needs it.
struct APICall: Sendable {
  var request: Request
  var path: APIPath
  var query: QueryItems
  var identity: Identity
  /// What the request may change of an object.
  var scope: AccessScope
  var logger: Logger
  var connection: ClientConnection
  /// Whether the sender still is who it was; throws where that cannot be found out now.
  var isIdentityValid: @Sendable () async throws -> Bool

  var isWatch: Bool { get throws { query.flag("watch") ?? false } }

  var isPretty: Bool { query.flag("pretty") ?? false }

  /// Whether the client can unpack gzip (`Accept-Encoding`, RFC 9110 §12.5.3).
  var acceptsGzip: Bool {
    for coding in (request.headers[.acceptEncoding] ?? "").split(separator: ",") {
      let media = MediaType(coding)
      guard media.type == "gzip" || media.type == "*" else { continue }
      return media.parameters["q"].flatMap(Double.init).map { $0 > 0 } ?? true
    }
    return false
  }

  func representation() throws(StatusError) -> Representation { try Representation(accept: request.headers[.accept]) }

  /// The words of authorization for this request; nil where every identity may send it.
  func attributes() throws -> AccessAttributes? {
    let method = request.method
    switch path {
    case .collection(let name, let namespace):
      let verb =
        switch method {
        case .post: "create"
        case .delete: "deletecollection"
        default: try isWatch ? "watch" : "list"
        }
      return AccessAttributes(verb: verb, group: name.group, resource: name.plural, namespace: namespace ?? "")
    case .object(let name, let key):
      let verb = try isWatch && method == .get ? "watch" : Self.verb(method)
      return AccessAttributes(
        verb: verb, group: name.group, resource: name.plural, namespace: key.namespace, name: key.name)
    case .status(let name, let key):
      return AccessAttributes(
        verb: Self.verb(method), group: name.group, resource: name.plural, subresource: "status",
        namespace: key.namespace, name: key.name)
    default: return nil
    }
  }

  private static func verb(_ method: HTTPRequest.Method) -> String {
    switch method {
    case .get, .head: "get"
    case .put: "update"
    case .patch: "patch"
    case .delete: "delete"
    case .post: "create"
    default: method.rawValue.lowercased()
    }
  }
}
