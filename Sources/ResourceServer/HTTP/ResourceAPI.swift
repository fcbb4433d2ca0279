public import Access
import CoreMetrics
import HTTPService
import HTTPTypes
import Hummingbird
import Logging
import ResourceModel
public import ResourceStorage
public import WireFormats

/// The Kubernetes-style API over stored kinds.
public struct ResourceAPI: Sendable {
  public struct Configuration: Sendable {
    /// Watches at the same time; more are refused for the moment.
    public var maximumWatchers = 4096
    /// Of those, how many one token may have.
    public var maximumWatchersPerIdentity = 64
    /// Of those, how many only machines may have (`RoleDefinition.isMachine`); at most a quarter of all.
    public var watchersReservedForMachines = 64
    /// Requests with a body of more than 64 KB at the same time, and likewise answers: each may lie in memory whole.
    public var maximumLargeTransfers = 64
    public var largeTransfersPerIdentity = 16
    /// How long a list of several pages may take to be read.
    public var maximumListDuration = Duration.seconds(600)
    /// How often a watch looks whether its token still is valid.
    public var watchRecheckInterval: Duration = .seconds(10)
    /// Whether what machines write is audited as what people write: not where they report all the time, within rights of their own.
    public var auditsMachines = false
    /// The longest a watch lasts; clients start a new one where it ends.
    public var maximumWatchDuration: Duration = .seconds(3600)

    public init() {}
  }

  let registry: ResourceRegistry
  let store: any ResourceStore
  let configuration: Configuration
  let now: @Sendable () -> Timestamp
  let makeUID: @Sendable () -> String
  /// Who may do what.
  let policy: AccessPolicy
  let watchers: PlaceCount
  let uploads: PlaceCount
  let downloads: PlaceCount
  let openAPI: OpenAPIDocuments

  /// - Parameter makeUID: gives a new UUID, in lower case.
  public init(
    registry: ResourceRegistry, store: any ResourceStore, policy: AccessPolicy,
    configuration: Configuration = Configuration(), now: @escaping @Sendable () -> Timestamp,
    makeUID: @escaping @Sendable () -> String
  ) {
    self.registry = registry
    self.store = store
    self.configuration = configuration
    self.now = now
    self.makeUID = makeUID
    self.policy = policy
    watchers = PlaceCount(
      "watches", maximum: configuration.maximumWatchers, perIdentity: configuration.maximumWatchersPerIdentity,
      reservedForMachines: configuration.watchersReservedForMachines,
      gauge: Gauge(label: "apiserver_longrunning_requests", dimensions: [("verb", "WATCH")]))
    let (places, perIdentity) = (configuration.maximumLargeTransfers, configuration.largeTransfersPerIdentity)
    uploads = PlaceCount("large requests", maximum: places, perIdentity: perIdentity, reservedForMachines: places / 8)
    downloads = PlaceCount("large answers", maximum: places, perIdentity: perIdentity, reservedForMachines: places / 8)
    openAPI = OpenAPIDocuments(registry)
  }

  /// Whether the store answers, for `/readyz`.
  public func isReady() async -> Bool {
    (try? await withDeadline(.seconds(5)) { try await store.currentRevision() }) != nil
  }

  /// Answers a request whose sender is known.
  /// - Throws: `StatusError`, or what the store throws.
  func respond(to call: APICall) async throws -> Response {
    switch call.path {
    case .collection(let name, let namespace):
      let definition = try definition(name, namespace: namespace)
      // Objects that lie in namespaces are written, and as a collection deleted, in one at a time.
      let isWritable = definition.isNamespaced == (namespace != nil)
      switch call.request.method {
      case .get where try call.isWatch:
        return try await watch(definition, namespace: namespace, name: nil, call)
      case .get: return try await list(definition, namespace: namespace, call)
      case .post where isWritable: return try await create(definition, namespace: namespace ?? "", call)
      case .delete where isWritable && allowsDeletingAll(definition):
        return try await deleteCollection(definition, namespace: namespace, call)
      default:
        return .methodNotAllowed(
          call.request.method,
          allowed: [.get] + (isWritable ? [.post] : [])
            + (isWritable && allowsDeletingAll(definition) ? [.delete] : []))
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
      default: return .methodNotAllowed(call.request.method, allowed: [.get, .put, .patch, .delete])
      }
    case .status(let name, let key):
      let definition = try definition(name, key)
      guard definition.hasStatus else { throw StatusError.noSuchPath }
      switch call.request.method {
      case .get: return try await get(definition, key, call)
      case .put: return try await put(definition, key, call, isStatus: true)
      case .patch: return try await patch(definition, key, call, isStatus: true)
      default: return .methodNotAllowed(call.request.method, allowed: [.get, .put, .patch])
      }
    case .review(let review):
      guard call.request.method == .post else { return .methodNotAllowed(call.request.method, allowed: [.post]) }
      return try await answer(review, call)
    case .version, .coreVersions, .groups, .group, .resources, .root, .customResourceDefinitions,
      .openAPIV2, .openAPIIndex, .openAPIDocument:
      guard call.request.method == .get || call.request.method == .head else {
        return .methodNotAllowed(call.request.method, allowed: [.get, .head])
      }
      return try document(call.path, accept: call.request.headers[.accept])
    }
  }

  /// Namespaces are deleted one at a time, since each takes with it what is in it.
  private func allowsDeletingAll(_ definition: ResourceDefinition) -> Bool { !Self.isNamespace(definition.names) }

  static func isNamespace(_ names: ResourceNames) -> Bool { names.group.isEmpty && names.plural == "namespaces" }

  /// - Throws: `notFound` where no such kind is served, or objects of the whole cluster are looked for in a namespace.
  private func definition(_ name: APIPath.GroupVersionPlural, namespace: String?) throws -> ResourceDefinition {
    guard let definition = registry.definition(name), definition.isNamespaced || namespace == nil else {
      throw StatusError.noSuchPath
    }
    return definition
  }

  private func definition(_ name: APIPath.GroupVersionPlural, _ key: ObjectKey) throws -> ResourceDefinition {
    guard let definition = registry.definition(name), definition.isNamespaced == !key.namespace.isEmpty else {
      throw StatusError.noSuchPath
    }
    return definition
  }

  func lifecycle(_ definition: ResourceDefinition) -> ObjectLifecycle { ObjectLifecycle(definition: definition) }
}

/// One request, read as far as every endpoint needs it.
struct APICall: Sendable {
  var request: Request
  var path: APIPath
  var query: QueryItems
  var caller: Caller
  /// See `RoleDefinition.isMachine`.
  var isMachine: Bool
  /// What the request may change of an object.
  var scope: AccessScope
  var logger: Logger
  /// Where it comes from; nil where that is not known.
  var peer: String?
  var connection: ClientConnection
  var identity: Identity { caller.identity }

  var isWatch: Bool { get throws { query.flag("watch") ?? false } }

  var isPretty: Bool { query.flag("pretty") ?? false }

  var acceptsGzip: Bool { request.acceptsGzip }

  func representation() throws(StatusError) -> Representation { try Representation(accept: request.headers[.accept]) }

  func attributes() throws -> AccessAttributes? { try AccessAttributes(request, path, query) }
}
