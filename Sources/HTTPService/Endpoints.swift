import Access
public import HTTPTypes
public import Hummingbird
import Logging
public import ResourceModel

extension StatusError {
  /// For a path under which nothing is served.
  public static let noSuchPath = StatusError(.notFound, "the server could not find the requested resource")
}

extension Response {
  /// RFC 9110 §15.5.6: the answer names what is allowed.
  public static func methodNotAllowed(_ method: HTTPRequest.Method, allowed: [HTTPRequest.Method]) -> Response {
    let allowed = allowed.map(\.rawValue).joined(separator: ", ")
    var response = Response.failure(
      StatusError(
        .methodNotAllowed,
        "the server does not allow \(method.rawValue.prefix(20)) on the requested resource; it allows \(allowed)"))
    response.headers[.allow] = allowed
    return response
  }
}

extension Router where Context == ServiceContext {
  /// Methods that a path may be asked with; others find nothing.
  private static var known: [HTTPRequest.Method] { [.get, .head, .put, .post, .patch, .delete, .options] }

  /// Adds one path with what answers its methods; `HEAD` is answered as `GET` is. Other methods get 405 and what is
  /// allowed. Whoever changes something is logged, never what was sent.
  public func endpoint(
    _ path: RouterPath,
    _ handlers: [HTTPRequest.Method: @Sendable (Request, ServiceContext) async throws -> Response]
  ) {
    var handlers = handlers
    if handlers[.head] == nil { handlers[.head] = handlers[.get] }
    let allowed = handlers.keys.sorted { $0.rawValue < $1.rawValue }
    for method in Self.known {
      let handler = handlers[method]
      on(path, method: method) { request, context -> Response in
        guard let handler else { return .methodNotAllowed(method, allowed: allowed) }
        let response = try await handler(request, context)
        if method != .get, method != .head, let identity = context.caller?.identity {
          context.logger.info(
            "Carried out request",
            metadata: [
              "user": "\(identity.name)", "role": "\(identity.roleText)", "method": "\(method.rawValue)",
              "path": "\(request.uri.path)",
            ])
        }
        return response
      }
    }
  }
}
