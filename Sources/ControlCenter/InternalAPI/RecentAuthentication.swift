import Accounts
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel

/// What a session changes under `/api/internal` needs a sign-in of the last minutes, as what it changes through the resource API: in one
/// place, so that no route is without it.
struct RecentAuthentication: RouterMiddleware {
  private static let base = ["api", "internal"]
  /// A plan changes nothing. A job's body says whether it is a dry run: its endpoint demands it by itself.
  private static let exceptions: [[String]] = [["rollouts", "plan"], ["fleet", "jobs"]]

  @concurrent
  func handle(
    _ request: Request, context: ServiceContext, next: @concurrent (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    if Self.isChange(request), let caller = context.caller, caller.session != nil {
      // Whoever may not do it at all is not asked for a password first.
      try ControlCenterAccess.policy.requireCaller(context, request)
      try caller.requireRecentAuthentication()
    }
    return try await next(request, context)
  }

  private static func isChange(_ request: Request) -> Bool {
    guard request.method != .get, request.method != .head else { return false }
    let parts = request.uri.path.split(separator: "/").map(String.init)
    return parts.starts(with: base) && !exceptions.contains(Array(parts.dropFirst(base.count)))
  }
}
