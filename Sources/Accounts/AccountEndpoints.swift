import Access
import Audit
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Who may sign in, for admins.
struct AccountEndpoints: Sendable {
  let accounts: AccountLedger
  let rules: AccountRules

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/accounts",
      [
        .get: { request, context in
          try rules.policy.requireCaller(context, request)
          let page = try PageRequest(request.uri.query)
          let found = try await accounts.list(limit: page.limit + 1, after: page.token)
          let (shown, next) = page.page(found, token: \.id)
          var answer: JSONValue = ["accounts": .array(shown.map(\.json))]
          if let next { answer["continue"] = .string(next) }
          return .json(answer)
        },
        .post: { request, context in
          let (actor, body) = try await change(request, context)
          let made = try await accounts.create(AccountRequest(body, rules), by: actor)
          return .json(Self.answer(made), status: .created)
        },
      ])
    router.endpoint(
      "/api/admin/accounts/{id}",
      [
        .get: { request, context in
          try rules.policy.requireCaller(context, request)
          return .json(["account": try await accounts.find(Self.selector(context)).json])
        },
        .patch: { request, context in
          let (actor, body) = try await change(request, context)
          return .json(
            Self.answer(try await accounts.change(Self.selector(context), AccountChange(body, rules), by: actor)))
        },
        .delete: { request, context in
          let caller = try rules.policy.requireCaller(context, request)
          try caller.requireRecentAuthentication()
          try await accounts.remove(Self.selector(context), by: AuditActor(caller, context))
          return .json(["removed": true])
        },
      ])
  }

  private func change(
    _ request: Request, _ context: ServiceContext
  ) async throws -> (AuditActor, [UInt8]) {
    let caller = try rules.policy.requireCaller(context, request)
    try caller.requireRecentAuthentication()
    let body = try await JSONBody.read(request, maximumBytes: AccountFields.maximumBodyByteCount)
    try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
    return (AuditActor(caller, context), body)
  }

  private static func answer(_ made: (account: AdminAccount, password: String?)) -> JSONValue {
    var answer: JSONValue = ["account": made.account.json]
    if let password = made.password { answer["password"] = .string(password) }
    return answer
  }

  private static func selector(_ context: ServiceContext) throws(StatusError) -> AccountLedger.Selector {
    let id = context.parameters.get("id") ?? ""
    guard id.utf8.count <= 100, !id.utf8.contains(0) else { throw .noSuchPath }
    return .id(id)
  }
}
