import HTTPTypes
public import Hummingbird
public import Logging
import NIOHTTP1
import ResourceModel
import ResourceStorage
public import WireFormats

/// Endpoints of a program beside the resource API, with JSON in and out.
public protocol AuthenticatedEndpoints: Sendable {
  /// - Parameter path: percent-encoded, without the query.
  /// - Returns: nil where nothing is served under that path.
  /// - Throws: `StatusError`.
  func respond(method: String, path: String, identity: Identity, body: [UInt8]) async throws -> JSONValue?
}

/// The front of the API: who is it, may it, not too often, not too long; and every failure as a `Status`.
public struct ResourceResponder: HTTPResponder {
  public typealias Context = APIRequestContext

  private let api: ResourceAPI
  private let authentication: RequestAuthentication
  private let endpoints: (any AuthenticatedEndpoints)?
  private let limiter: RateLimiter
  private let readiness: Readiness
  private let uploads: PlaceCount
  private let downloads: PlaceCount

  public init(api: ResourceAPI, authenticator: any Authenticator, endpoints: (any AuthenticatedEndpoints)? = nil) {
    self.api = api
    authentication = RequestAuthentication(
      authenticator, acceptsPasswordsFromAnywhere: api.configuration.acceptsPasswordsFromAnywhere,
      unknownTokens: api.configuration.unknownTokens)
    self.endpoints = endpoints
    limiter = RateLimiter(rate: api.configuration.requestsPerSecond, burst: api.configuration.requestBurst)
    let (places, perIdentity) = (api.configuration.maximumLargeTransfers, api.configuration.largeTransfersPerIdentity)
    uploads = PlaceCount("large requests", maximum: places, perIdentity: perIdentity, reservedForAgents: places / 8)
    downloads = PlaceCount("large answers", maximum: places, perIdentity: perIdentity, reservedForAgents: places / 8)
    let store = api.store
    readiness = Readiness {
      (try? await withDeadline(.seconds(5)) { try await store.currentRevision() }) != nil
    }
  }

  public func respond(to request: Request, context: APIRequestContext) async throws -> Response {
    let start = ContinuousClock.now
    let path = APIPath(request.uri.path)
    var attributes: AccessAttributes?
    var response: Response
    do {
      let query = try QueryItems(request.uri.query)
      attributes = try Self.attributes(request, path, query, context)
      response = try await answer(request, path, query, attributes, context)
    } catch let error as StatusError {
      response = .failure(error)
    } catch let error as HTTPParserError {
      throw error
    } catch is CancellationError {
      response = .failure(StatusError(.serviceUnavailable, "the server is shutting down", retryAfterSeconds: 1))
    } catch {
      context.logger.error("Request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      response = .failure(StatusError(.internalError, "the server failed to answer; its log says why"))
    }
    // RFC 9110 §9.3.2: what follows the head would be taken for the next answer.
    if request.method == .head { response = response.createHeadResponse() }
    let duration = ContinuousClock.now - start
    RequestMetrics(path, attributes: attributes, method: request.method, registry: api.registry)
      .record(status: response.status.code, duration: duration)
    context.logger.debug(
      "Answered request",
      metadata: [
        "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "code": "\(response.status.code)",
      ])
    return response
  }

  private static func attributes(
    _ request: Request, _ path: APIPath?, _ query: QueryItems, _ context: APIRequestContext
  ) throws -> AccessAttributes? {
    guard let path else { return nil }
    return try APICall(
      request: request, path: path, query: query, identity: Identity(name: "", role: .viewer), scope: .everything,
      logger: context.logger, connection: context.connection, isIdentityValid: { false }
    ).attributes()
  }

  private func answer(
    _ request: Request, _ path: APIPath?, _ query: QueryItems, _ attributes: AccessAttributes?,
    _ context: APIRequestContext
  ) async throws -> Response {
    switch path {
    case .health(let isReadiness): return try await health(request, isReadiness: isReadiness)
    case .metrics where api.configuration.areMetricsOpen: return try api.document(.metrics)
    default: break
    }
    guard api.configuration.hosts.allows(request.head.authority) else {
      throw StatusError(
        .forbidden,
        "this server is not addressed as \"\((request.head.authority ?? "").prefix(100))\"; "
          + "if it is to be, start it with --allowed-host NAME")
    }
    return try await withDeadline(api.configuration.requestTimeout) {
      let identity = try await authentication.identity(request, peer: context.peer)
      context.connection.noteAuthenticated()
      return try await answer(request, path, query, attributes, identity, context)
    }
  }

  private func answer(
    _ request: Request, _ path: APIPath?, _ query: QueryItems, _ attributes: AccessAttributes?, _ identity: Identity,
    _ context: APIRequestContext
  ) async throws -> Response {
    if let wait = limiter.take(for: identity.name) {
      throw StatusError(
        .tooManyRequests, "\(identity.name) sends too many requests, please try again later",
        retryAfterSeconds: max(1, Int(wait.inSeconds.rounded(.up))))
    }
    guard let path else { return try await answerElsewhere(request, identity, context) }
    var scope = AccessScope.everything
    if let attributes {
      guard let allowed = AccessRules.scope(identity, attributes) else {
        throw Self.forbidden(identity, attributes, path)
      }
      scope = allowed
    }
    if path == .metrics, identity.role == .agent {
      throw StatusError(.forbidden, "/metrics is for tokens of the roles viewer and admin")
    }
    let upload = try Self.isLarge(request) ? uploads.enter(identity) : nil
    defer { upload?.end() }
    let authentication = authentication
    let call = APICall(
      request: request, path: path, query: query, identity: identity, scope: scope, logger: context.logger,
      connection: context.connection, isIdentityValid: { try await authentication.isStill(identity, request) })
    let response = try await api.respond(to: call)
    return try call.isWatch ? response : bounded(response, identity)
  }

  /// Bytes from which on a body or an answer counts as large: so many of them lie in memory as there are places.
  private static let largeByteCount = Response.pieceByteCount

  private static func isLarge(_ request: Request) -> Bool {
    if let length = request.headers[.contentLength] { return Int(length).map { $0 > largeByteCount } ?? true }
    return request.headers[.transferEncoding] != nil
  }

  /// A large answer takes a place for as long as it is sent, however slowly it is read.
  private func bounded(_ response: Response, _ identity: Identity) throws -> Response {
    guard response.body.contentLength.map({ $0 > Self.largeByteCount }) ?? true else { return response }
    let lease = try downloads.enter(identity)
    let body = response.body
    var response = response
    response.body = ResponseBody(contentLength: body.contentLength) { writer in
      defer { lease.end() }
      try await body.write(writer)
    }
    return response
  }

  private func answerElsewhere(
    _ request: Request, _ identity: Identity, _ context: APIRequestContext
  ) async throws -> Response {
    guard let endpoints else { throw ResourceAPI.noSuchPath }
    let body = try await JSONBody.read(request, maximumBytes: 64 << 10)
    if !body.isEmpty { try JSONBody.requireJSON(request.headers[.contentType], sentWith: Credentials(request)) }
    guard
      let answer = try await endpoints.respond(
        method: request.method.rawValue, path: request.uri.path, identity: identity, body: body)
    else { throw ResourceAPI.noSuchPath }
    if request.method != .get {
      context.logger.info(
        "Carried out request",
        metadata: [
          "user": "\(identity.name)", "role": "\(identity.role.rawValue)", "method": "\(request.method.rawValue)",
          "path": "\(request.uri.path)",
        ])
    }
    return .json(answer)
  }

  private static func forbidden(_ identity: Identity, _ attributes: AccessAttributes, _ path: APIPath) -> StatusError {
    let (namespace, name): (String?, String?) =
      switch path {
      case .collection(_, let namespace): (namespace, nil)
      case .object(_, let key), .status(_, let key): (key.namespace, key.name)
      default: (nil, nil)
      }
    return AccessRules.forbidden(identity, attributes, namespace: namespace, name: name)
  }

  /// `/healthz` and `/livez` say that the process serves, `/readyz` that the database answers too.
  private func health(_ request: Request, isReadiness: Bool) async throws -> Response {
    guard request.method == .get || request.method == .head else {
      throw StatusError(.methodNotAllowed, "only GET and HEAD are served here")
    }
    guard isReadiness else { return .text("ok") }
    return await readiness.isReady()
      ? .text("ok") : .text("the database does not answer", status: .serviceUnavailable)
  }
}

/// What Hummingbird hands over with each request.
public struct APIRequestContext: Sendable, InitializableFromSource {
  public let logger: Logger
  /// The address of the client, as numbers.
  let peer: String?
  let connection: ClientConnection

  public init(source: ApplicationRequestContextSource) {
    logger = source.logger
    peer = source.channel.remoteAddress?.ipAddress
    connection = ClientConnection(channel: source.channel)
  }
}
