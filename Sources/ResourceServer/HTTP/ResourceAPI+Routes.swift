import Access
public import HTTPService
import HTTPTypes
public import Hummingbird
import Logging
import ResourceModel

extension ResourceAPI {
  /// Adds the API to a server's routes: every path that is the API's is answered by it, every other one by the routes of
  /// the program.
  public func addRoutes(to router: Router<ServiceContext>) { router.add(middleware: ResourceRoutes(api: self)) }

  /// Under what a request of the API is counted; for every other path by its method alone.
  public func labels(_ request: Request) -> RequestLabels {
    let path = APIPath(request.uri.path)
    switch path {
    case .collection(let name, _), .object(let name, _), .status(let name, _):
      guard registry.definition(name) != nil else { return RequestLabels(verb: "OTHER", resource: "") }
      let attributes = try? AccessAttributes(request, path, QueryItems(request.uri.query))
      let verb = attributes?.verb.uppercased() ?? ""
      return RequestLabels(verb: Self.countedVerbs.contains(verb) ? verb : "OTHER", resource: name.plural)
    default: return RequestLabels(method: request.method)
    }
  }

  private static let countedVerbs: Set<String> = [
    "GET", "LIST", "WATCH", "CREATE", "UPDATE", "PATCH", "DELETE", "DELETECOLLECTION",
  ]

  /// False for what only looks like a path of the core group: a program has paths of its own under `/api`.
  fileprivate func claims(_ path: APIPath) -> Bool {
    switch path {
    case .collection(let name, _), .object(let name, _), .status(let name, _):
      !name.group.isEmpty || registry.definition(name) != nil
    default: true
    }
  }

  /// May the caller do this, and is there room for it?
  fileprivate func respond(_ request: Request, _ path: APIPath, _ context: ServiceContext) async throws -> Response {
    // The root needs no token where a page is served there as well.
    let caller = try await context.authenticate(request)
    let query = try QueryItems(request.uri.query)
    var scope = AccessScope.everything
    if let attributes = try AccessAttributes(request, path, query) {
      guard let allowed = policy.scope(caller.identity, attributes) else {
        throw Self.forbidden(caller.identity, attributes, path)
      }
      scope = allowed
      if request.method != .get, request.method != .head { try caller.requireRecentAuthentication() }
    } else if case .review = path {
      // Everybody may ask what they may do.
    } else {
      let verb = request.method.rawValue.lowercased()
      // What no method is served for is answered so, whoever asks.
      if ["get", "head"].contains(verb), !policy.allows(caller.identity, verb: verb, path: request.uri.path) {
        throw AccessPolicy.forbidden(caller.identity, verb: verb, path: request.uri.path)
      }
    }
    let isMachine = policy.isMachine(caller.identity)
    let upload = try Self.isLarge(request) ? uploads.enter(caller.identity, isMachine: isMachine) : nil
    defer { upload?.end() }
    let call = APICall(
      request: request, path: path, query: query, caller: caller, isMachine: isMachine, scope: scope,
      logger: context.logger, peer: context.peer, connection: context.connection)
    let response = try await respond(to: call)
    return try call.isWatch ? response : bounded(response, call)
  }

  /// Bytes from which on a body or an answer counts as large: so many of them lie in memory as there are places.
  private static let largeByteCount = Response.pieceByteCount

  private static func isLarge(_ request: Request) -> Bool {
    if let length = request.headers[.contentLength] { return Int(length).map { $0 > largeByteCount } ?? true }
    return request.headers[.transferEncoding] != nil
  }

  /// A large answer takes a place for as long as it is sent, however slowly it is read.
  private func bounded(_ response: Response, _ call: APICall) throws -> Response {
    guard response.body.contentLength.map({ $0 > Self.largeByteCount }) ?? true else { return response }
    let lease = try downloads.enter(call.identity, isMachine: call.isMachine)
    let body = response.body
    var response = response
    let connection = call.connection
    response.body = ResponseBody(contentLength: body.contentLength) { writer in
      do {
        try await body.write(writer)
      } catch {
        lease.end()
        throw error
      }
      connection.whenSent { lease.end() }
    }
    return response
  }

  private static func forbidden(_ identity: Identity, _ attributes: AccessAttributes, _ path: APIPath) -> StatusError {
    let (namespace, name): (String?, String?) =
      switch path {
      case .collection(_, let namespace): (namespace, nil)
      case .object(_, let key), .status(_, let key): (key.namespace, key.name)
      default: (nil, nil)
      }
    return AccessPolicy.forbidden(identity, attributes, namespace: namespace, name: name)
  }
}

private struct ResourceRoutes: RouterMiddleware {
  let api: ResourceAPI

  @concurrent
  func handle(
    _ request: Request, context: ServiceContext, next: @concurrent (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    guard let path = APIPath(request.uri.path), api.claims(path), path != .root || !request.acceptsHTML else {
      return try await next(request, context)
    }
    return try await api.respond(request, path, context)
  }
}

extension AccessAttributes {
  /// The words of authorization for a request; nil where every identity may send it.
  init?(_ request: Request, _ path: APIPath?, _ query: QueryItems) throws(StatusError) {
    let method = request.method
    let isWatch = query.flag("watch") ?? false
    switch path {
    case .collection(let name, let namespace):
      let verb =
        switch method {
        case .post: "create"
        case .delete: "deletecollection"
        default: isWatch ? "watch" : "list"
        }
      self.init(verb: verb, group: name.group, resource: name.plural, namespace: namespace ?? "")
    case .object(let name, let key):
      self.init(
        verb: isWatch && method == .get ? "watch" : Self.verb(method), group: name.group, resource: name.plural,
        namespace: key.namespace, name: key.name)
    case .status(let name, let key):
      self.init(
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
