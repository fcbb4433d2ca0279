import Access
import Audit
import Cryptography
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Signing in and out. These paths need no token: what each needs it demands itself.
struct SessionEndpoints: Sendable {
  static let path = "/api/admin/session"
  /// See `ServiceConfiguration.openPaths`.
  static let openPaths = [path, "\(path)/*"]
  private static let maximumBodyByteCount = 8 << 10

  let signIn: SignIn
  let accounts: AccountLedger
  let rules: AccountRules
  let rule: SessionRule
  let box: AES256GCM
  let now: @Sendable () -> Timestamp

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/session",
      [
        .post: { request, context in
          let body = try await body(request, allowed: ["email", "password"])
          guard let email = try body.text("email"), let password = try body.text("password") else {
            throw StatusError(.badRequest, "the body must be {\"email\": \"…\", \"password\": \"…\"}")
          }
          let entered = try await signIn.enter(email: email, password: password, from: attempt(request, context))
          context.connection.noteAuthenticated()
          return response(entered, request)
        },
        .get: { request, context in
          let caller = try await caller(request, context)
          return .json([
            "name": .string(caller.identity.name),
            "roles": .array(caller.identity.roles.map { .string($0.rawValue) }),
            "session": caller.session.map(Self.json) ?? .null,
          ])
        },
        .delete: { request, context in
          let (caller, session) = try await sessionCaller(request, context)
          try await signOut(session, AuditActor(caller, context))
          var response = Response.json(["signedOut": true])
          response.headers.append(rule.cookie.field("", answering: request))
          return response
        },
      ])
    router.endpoint(
      "/api/admin/session/reauthenticate",
      [
        .post: { request, context in
          // The password says more than the header token, which a page that was opened anew has to get here.
          let (_, session) = try await sessionCaller(request, context, demandsHeaderToken: false)
          let body = try await body(request, allowed: ["password"])
          guard let password = try body.text("password") else {
            throw StatusError(.badRequest, "the body must be {\"password\": \"…\"}")
          }
          try await signIn.reauthenticate(session, password: password, from: attempt(request, context))
          return try await renewed(request, context)
        }
      ])
    router.endpoint(
      "/api/admin/session/password",
      [
        .post: { request, context in
          let (caller, session) = try await sessionCaller(request, context)
          let body = try await body(request, allowed: ["currentPassword", "newPassword"])
          guard let current = try body.text("currentPassword"), let new = try body.text("newPassword") else {
            throw StatusError(.badRequest, "the body must be {\"currentPassword\": \"…\", \"newPassword\": \"…\"}")
          }
          let (account, keys) = try await signIn.check(
            current, email: session.identity.name, from: attempt(request, context), now: now())
          try await signIn.database.transaction(.write) { try SignInThrottle.forgive(Array(keys.keys), in: $0) }
          try await accounts.setPassword(
            of: account, to: new, session: session.id, by: AuditActor(caller, context))
          return .json(["changed": true])
        }
      ])
  }

  // MARK: Who asks

  private func caller(
    _ request: Request, _ context: ServiceContext, demandsHeaderToken: Bool = true
  ) async throws -> Caller {
    let caller = try await context.authenticate(request, demandsHeaderToken: demandsHeaderToken)
    try rules.policy.require(caller, request)
    return caller
  }

  func sessionCaller(
    _ request: Request, _ context: ServiceContext, demandsHeaderToken: Bool = true
  ) async throws -> (caller: Caller, session: Session) {
    let caller = try await caller(request, context, demandsHeaderToken: demandsHeaderToken)
    guard let session = caller.session else {
      throw StatusError(.badRequest, "this is about a session, and the request was sent with a token")
    }
    return (caller, session)
  }

  func attempt(_ request: Request, _ context: ServiceContext) -> SignIn.Attempt {
    SignIn.Attempt(
      address: context.peer ?? "", addressKey: context.peerKey,
      device: KnownDevice(rules.deviceCookie.value(in: request), box: box, now: now()))
  }

  /// No page of another origin may sign anybody in, as somebody else.
  func body(_ request: Request, allowed: Set<String>) async throws -> AccountFields {
    try rule.requireOrigin(request, isDemanded: false)
    try JSONBody.requireJSON(request.headers[.contentType] ?? "", sentWith: .session(""))
    return try AccountFields(
      try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount), allowed: allowed)
  }

  // MARK: Answers

  func response(_ entered: SignIn.Entered, _ request: Request) -> Response {
    let account = entered.record.account
    var response = Response.json([
      "name": .string(account.email), "roles": [.string(account.role.rawValue)],
      "session": Self.json(SessionLedger.session(entered.record, at: now())),
      "headerToken": .string(entered.record.headerToken),
    ])
    response.headers.append(rule.cookie.field(entered.secret, answering: request))
    response.headers.append(
      rules.deviceCookie.field(
        entered.device.value(box: box, now: now()), lifetime: KnownDevice.lifetime, answering: request))
    return response
  }

  /// The session as it is now, with its header token.
  func renewed(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let (_, session) = try await sessionCaller(request, context, demandsHeaderToken: false)
    return .json(["session": Self.json(session), "headerToken": .string(session.headerToken)])
  }

  private static func json(_ session: Session) -> JSONValue {
    [
      "authenticatedAt": .string(session.authenticatedAt.description),
      "recentUntil": .string((session.authenticatedAt + SessionLedger.recency).description),
      "idleAt": .string(session.idleAt.description), "expiresAt": .string(session.expiresAt.description),
    ]
  }

  private func signOut(_ session: Session, _ actor: AuditActor) async throws {
    let account = try await signIn.database.transaction(.write) { connection in
      let account = try AdminAccount.find(email: session.identity.name, in: connection)
      try SessionLedger.end(id: session.id, in: connection)
      try signIn.audit.record([actor.entry("SignedOut", actor.name)], in: connection)
      return account
    }
    if let account { signIn.sessions.forget(accountID: account.id) }
  }
}
