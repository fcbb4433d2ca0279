import Access
import HTTPService
import Hummingbird
import ResourceModel

/// Who calls an endpoint beside the resource API, once the table of rights lets them.
enum EndpointCaller {
  /// - Throws: `unauthorized` without a token; `forbidden` where the caller's role does not let it.
  @discardableResult
  static func require(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Caller {
    let caller = try context.requireCaller()
    let verb = request.method.rawValue.lowercased()
    guard BackendAccess.policy.allows(caller.identity, verb: verb, path: request.uri.path) else {
      throw AccessPolicy.forbidden(caller.identity, verb: verb, path: request.uri.path)
    }
    return caller
  }

  /// For what is not done by a session that somebody left open: deploying, rolling back, and what says whom to trust. Whoever sends a
  /// token proves with it who they are.
  /// - Throws: `forbidden` where the caller's session is to prove itself once more.
  static func requireRecentAuthentication(_ caller: Caller) throws(StatusError) {
    guard let session = caller.session, !session.isRecentlyAuthenticated else { return }
    throw StatusError(
      .forbidden,
      "this needs a sign-in of the last 10 minutes: confirm your password (POST /api/admin/session/reauthenticate), then try "
        + "again")
  }
}
