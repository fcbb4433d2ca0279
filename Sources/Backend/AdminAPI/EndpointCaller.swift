import Accounts
import HTTPService
import Hummingbird
import ResourceModel

/// Who calls an endpoint beside the resource API, once the table of rights lets them.
enum EndpointCaller {
  /// - Throws: `unauthorized` without a token; `forbidden` where the caller's role does not let it.
  @discardableResult
  static func require(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Caller {
    try BackendAccess.policy.requireCaller(context, request)
  }
}
