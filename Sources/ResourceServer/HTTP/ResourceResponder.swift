import HTTPTypes
public import Hummingbird
public import Logging
import ResourceModel
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
  private let authenticator: any Authenticator
  private let endpoints: (any AuthenticatedEndpoints)?
  private let limiter: RateLimiter
  /// Requests that bring no valid token, together: they cost a look into the database each.
  private let strangers: RateLimiter

  public init(api: ResourceAPI, authenticator: any Authenticator, endpoints: (any AuthenticatedEndpoints)? = nil) {
    self.api = api
    self.authenticator = authenticator
    self.endpoints = endpoints
    limiter = RateLimiter(rate: api.configuration.requestsPerSecond, burst: api.configuration.requestBurst)
    strangers = RateLimiter(rate: 20, burst: 200)
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
    } catch is CancellationError {
      response = .failure(StatusError(.serviceUnavailable, "the server is shutting down", retryAfterSeconds: 1))
    } catch {
      context.logger.error("Request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      response = .failure(StatusError(.internalError, "the server failed to answer; its log says why"))
    }
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
    return try call(request, path, query, Identity(name: "", role: .viewer), .everything, context).attributes()
  }

  private static func call(
    _ request: Request, _ path: APIPath, _ query: QueryItems, _ identity: Identity, _ scope: AccessScope,
    _ context: APIRequestContext
  ) -> APICall {
    APICall(
      request: request, path: path, query: query, identity: identity, scope: scope, logger: context.logger,
      closeConnection: context.closeConnection)
  }

  private func answer(
    _ request: Request, _ path: APIPath?, _ query: QueryItems, _ attributes: AccessAttributes?,
    _ context: APIRequestContext
  ) async throws -> Response {
    switch path {
    case .health: return await health(request)
    case .metrics where api.configuration.areMetricsOpen: return try api.document(.metrics)
    default: break
    }
    let timeout = api.configuration.requestTimeout
    let identity = try await withDeadline(timeout) { try await identify(request) }
    if let wait = limiter.take(for: identity.name) {
      throw StatusError(
        .tooManyRequests, "\(identity.name) sends too many requests, please try again later",
        retryAfterSeconds: max(1, Int(wait.inSeconds.rounded(.up))))
    }
    guard let path else { return try await answerElsewhere(request, identity) }
    var scope = AccessScope.everything
    if let attributes {
      guard let allowed = AccessRules.scope(identity.role, attributes) else {
        throw Self.forbidden(identity, attributes, path)
      }
      scope = allowed
    }
    let call = Self.call(request, path, query, identity, scope, context)
    return try await withDeadline(timeout) { try await api.respond(to: call) }
  }

  private func answerElsewhere(_ request: Request, _ identity: Identity) async throws -> Response {
    guard let endpoints else { throw ResourceAPI.noSuchPath }
    return try await withDeadline(api.configuration.requestTimeout) {
      let body = try await JSONBody.read(request, maximumBytes: 64 << 10)
      guard
        let answer = try await endpoints.respond(
          method: request.method.rawValue, path: request.uri.path, identity: identity, body: body)
      else { throw ResourceAPI.noSuchPath }
      return .json(answer)
    }
  }

  private func identify(_ request: Request) async throws -> Identity {
    let token = Credentials.token(
      authorization: request.headers[.authorization],
      agentSecret: HTTPField.Name("X-Agent-Secret").flatMap { request.headers[$0] })
    if let token, !token.isEmpty, token.utf8.count <= 4096 {
      if let identity = try await authenticator.identity(forToken: token) { return identity }
    }
    if let wait = strangers.take(for: "") {
      throw StatusError(
        .tooManyRequests, "too many requests without a valid token",
        retryAfterSeconds: max(1, Int(wait.inSeconds.rounded(.up))))
    }
    throw StatusError(
      .unauthorized,
      token == nil
        ? "Unauthorized: send a token as 'Authorization: Bearer TOKEN'"
        : "Unauthorized: the token is unknown, revoked or expired")
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
  private func health(_ request: Request) async -> Response {
    guard request.uri.path == "/readyz" else { return .text("ok") }
    do {
      let store = api.store
      _ = try await withDeadline(.seconds(5)) { try await store.currentRevision() }
      return .text("ok")
    } catch {
      return .text("the database does not answer", status: .serviceUnavailable)
    }
  }
}

/// What Hummingbird hands over with each request.
public struct APIRequestContext: Sendable, InitializableFromSource {
  public let logger: Logger
  let closeConnection: @Sendable () -> Void

  public init(source: ApplicationRequestContextSource) {
    logger = source.logger
    let channel = source.channel
    closeConnection = { channel.close(mode: .all, promise: nil) }
  }
}
