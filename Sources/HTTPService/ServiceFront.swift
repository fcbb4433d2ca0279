public import Access
import HTTPTypes
public import Hummingbird
import Logging
import NIOHTTP1
import ResourceModel

/// The front of a server: is it addressed rightly, who is it, not too often, not too long; and every failure in one form.
/// A program adds its routes to the router, and the resource API to its routes.
///
///     request → health → host → deadline → router: token → rate → the program's routes → answer
///                                        (all that follows is counted, logged and turned into one form of error)
public struct ServiceFront: HTTPResponder {
  public typealias Context = ServiceContext

  private let configuration: ServiceConfiguration
  private let routes: any HTTPResponder<ServiceContext>
  private let readiness: Readiness
  private let renderMetrics: @Sendable () -> String
  private let labels: @Sendable (Request) -> RequestLabels
  private let proxyHint = ProxyHint()
  private let meters = RequestMeters()

  /// - Parameters:
  ///   - sessions: how sessions of people are taken; nil where there are none.
  ///   - isReady: whether the server can do its work, such as whether its database answers; asked at most once a second.
  ///   - renderMetrics: the answer to `/metrics`, in Prometheus' text format.
  ///   - labels: under what a request is counted.
  ///   - addRoutes: adds what the program serves.
  public init(
    configuration: ServiceConfiguration, authenticator: any Authenticator,
    sessions: SessionRule? = nil, policy: AccessPolicy, isReady: @escaping @Sendable () async -> Bool,
    renderMetrics: @escaping @Sendable () -> String = { "" },
    labels: @escaping @Sendable (Request) -> RequestLabels = { RequestLabels(method: $0.method) },
    addRoutes: (Router<ServiceContext>) -> Void
  ) {
    self.configuration = configuration
    self.renderMetrics = renderMetrics
    self.labels = labels
    readiness = Readiness(check: isReady)
    let router = Router(context: ServiceContext.self)
    router.add(middleware: RouterErrors())
    router.add(middleware: Authentication(configuration, RequestAuthentication(authenticator, sessions, configuration)))
    router.add(middleware: RequestRate(configuration))
    router.endpoint(
      "/metrics",
      [
        .get: { request, context in
          let identity = try context.requireCaller().identity
          guard policy.allows(identity, verb: "get", path: "/metrics") else {
            throw AccessPolicy.forbidden(identity, verb: "get", path: "/metrics")
          }
          return .metrics(renderMetrics())
        }
      ])
    addRoutes(router)
    routes = router.buildResponder()
  }

  public func respond(to request: Request, context: ServiceContext) async throws -> Response {
    let start = ContinuousClock.now
    var context = context
    if let name = HTTPField.Name.forwardedFor, case let forwarded = request.headers[values: name], !forwarded.isEmpty {
      proxyHint.note(peer: context.peer, configuration.proxies, context.logger)
      context.peer = configuration.proxies.client(peer: context.peer, forwarded: forwarded)
    }
    var response: Response
    do {
      response = try await answer(request, context)
    } catch let error as StatusError {
      response = failure(error, request)
    } catch let error as HTTPParserError {
      throw error
    } catch is CancellationError {
      response = failure(
        StatusError(.serviceUnavailable, "the server is shutting down", retryAfterSeconds: 1), request)
    } catch {
      context.logger.error("Request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      response = failure(StatusError(.internalError, "the server failed to answer; its log says why"), request)
    }
    // RFC 9110 §9.3.2: what follows the head would be taken for the next answer.
    if request.method == .head { response = response.createHeadResponse() }
    meters.record(labels(request), status: response.status.code, duration: ContinuousClock.now - start)
    context.logger.debug(
      "Answered request",
      metadata: [
        "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "code": "\(response.status.code)",
      ])
    return response
  }

  private func answer(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let path = request.uri.path
    if let health = try await health(request) { return health }
    if path == "/metrics", configuration.areMetricsOpen, request.method == .get || request.method == .head {
      return .metrics(renderMetrics())
    }
    guard configuration.hosts.allows(request.head.authority) else {
      throw StatusError(
        .forbidden,
        "this server is not addressed as \"\((request.head.authority ?? "").prefix(100))\"; "
          + "if it is to be, start it with --allowed-host NAME")
    }
    // The router drops empty parts, the table of rights compares text: what one takes for another path the other must not.
    guard !RequestPath.hasEmptyPart(path) else {
      throw StatusError(.badRequest, "the path has an empty part: write one slash where there are two")
    }
    if configuration.unhurriedPaths.contains(path) {
      return try await routes.respond(to: request, context: context)
    }
    return try await withDeadline(configuration.requestTimeout) {
      try await routes.respond(to: request, context: context)
    }
  }

  /// `/healthz` and `/livez` say that the process serves, `/readyz` that it can do its work too.
  /// - Returns: nil for other paths.
  private func health(_ request: Request) async throws -> Response? {
    let isReadiness: Bool
    let path = request.uri.path
    switch path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path {
    case "/healthz", "/livez", "/healthz/ping", "/livez/ping": isReadiness = false
    case "/readyz", "/readyz/ping": isReadiness = true
    default: return nil
    }
    guard request.method == .get || request.method == .head else {
      throw StatusError(.methodNotAllowed, "only GET and HEAD are served here")
    }
    guard isReadiness else { return .text("ok") }
    return await readiness.isReady()
      ? .text("ok") : .text("the database does not answer", status: .serviceUnavailable)
  }

  private func failure(_ error: StatusError, _ request: Request) -> Response {
    .failure(error, isPlain: configuration.plainErrorPaths.contains(request.uri.path))
  }
}

extension Response {
  fileprivate static func metrics(_ text: String) -> Response {
    .text(text, contentType: "text/plain; version=0.0.4; charset=utf-8")
  }
}

/// Turns what the router throws into the errors of this API.
private struct RouterErrors: RouterMiddleware {
  @concurrent
  func handle(
    _ request: Request, context: ServiceContext, next: @concurrent (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as HTTPError where error.status == .notFound {
      throw StatusError.noSuchPath
    }
  }
}

/// Finds out who sends a request, for all but the open paths.
private struct Authentication: RouterMiddleware {
  private let openPaths: PathPatterns
  private let authentication: RequestAuthentication

  init(_ configuration: ServiceConfiguration, _ authentication: RequestAuthentication) {
    openPaths = configuration.openPaths
    self.authentication = authentication
  }

  @concurrent
  func handle(
    _ request: Request, context: ServiceContext, next: @concurrent (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    context.authentication = authentication
    if !openPaths.contains(request.uri.path) {
      context.caller = try await authentication.caller(request, peer: context.peer)
      context.connection.noteAuthenticated()
    }
    return try await next(request, context)
  }
}

/// Limits how often one caller asks.
private struct RequestRate: RouterMiddleware {
  private let limiter: RateLimiter
  private let byRole: [Role: RateLimiter]
  /// Of those who need no token, by address.
  private let unauthenticated: RateLimiter

  init(_ configuration: ServiceConfiguration) {
    limiter = RateLimiter(
      rate: configuration.requests.rate, burst: configuration.requests.burst,
      maximumCallers: configuration.maximumCallers)
    byRole = configuration.requestsByRole.mapValues {
      RateLimiter(rate: $0.rate, burst: $0.burst, maximumCallers: configuration.maximumCallers)
    }
    unauthenticated = RateLimiter(rate: configuration.openRequests.rate, burst: configuration.openRequests.burst)
  }

  @concurrent
  func handle(
    _ request: Request, context: ServiceContext, next: @concurrent (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    let name = context.caller?.identity.name
    let limiter = context.caller?.identity.roles.lazy.compactMap { byRole[$0] }.first ?? limiter
    let wait = name.map { limiter.take(for: $0) } ?? unauthenticated.take(for: PeerAddress.limitKey(context.peer))
    if let wait {
      throw StatusError(
        .tooManyRequests, "\(name ?? "this address") sends too many requests, please try again later",
        retryAfterSeconds: max(1, Int((wait / .seconds(1)).rounded(.up))))
    }
    return try await next(request, context)
  }
}
