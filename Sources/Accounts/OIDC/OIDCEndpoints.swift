import Access
import Cryptography
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Signing in by the identity provider: a page sends the browser there, and hands on what it comes back with.
struct OIDCEndpoints: Sendable {
  let oidc: OIDCSignIn?
  let sessions: SessionEndpoints

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/session/oidc",
      [
        // Whether a page offers this way.
        .get: { _, _ in .json(["enabled": .bool(oidc != nil)]) },
        .post: { request, context in
          let oidc = try configured()
          let body = try await sessions.body(request, allowed: ["code", "state", "iss"])
          guard let code = try body.text("code"), let state = try body.text("state"),
            (1...4096).contains(code.utf8.count)
          else { throw StatusError(.badRequest, "the body must be {\"code\": \"…\", \"state\": \"…\"}") }
          return try await finish(oidc, code: code, state: state, issuer: try body.text("iss"), request, context)
        },
      ])
    router.endpoint(
      "/api/admin/session/oidc/begin",
      [
        .post: { request, context in
          let oidc = try configured()
          let body = try await sessions.body(request, allowed: ["reauthenticate"])
          var session: String?
          if body.members["reauthenticate"]?.bool == true {
            session = try await sessions.sessionCaller(request, context, demandsHeaderToken: false).session.id
          }
          let attempt = sessions.attempt(request, context)
          if attempt.device == nil { try oidc.signIn.takeShare(ofAddress: attempt.addressKey) }
          let metadata = try await oidc.provider.metadata()
          let flow = OIDCFlow(at: oidc.signIn.now(), session: session)
          var response = Response.json([
            "authorizationURL": .string(
              flow.authorizationURL(metadata.authorizationEndpoint, oidc.provider.configuration))
          ])
          response.headers.append(
            sessions.rules.flowCookie.field(
              flow.value(box: sessions.box), lifetime: OIDCFlow.lifetime, answering: request))
          return response
        }
      ])
  }

  private func configured() throws(StatusError) -> OIDCSignIn {
    guard let oidc else {
      throw StatusError(.notFound, "no identity provider is configured (\(sessions.rules.settingPrefix)OIDC_ISSUER)")
    }
    return oidc
  }

  private func finish(
    _ oidc: OIDCSignIn, code: String, state: String, issuer: String?, _ request: Request, _ context: ServiceContext
  ) async throws -> Response {
    guard
      let flow = OIDCFlow(
        sessions.rules.flowCookie.value(in: request), box: sessions.box, now: oidc.signIn.now()),
      ConstantTime.areEqual(flow.state, state),
      // Where the provider says which it is (RFC 9207), it is the one that was asked.
      issuer == nil || issuer == oidc.provider.configuration.issuer
    else {
      throw StatusError(.unauthorized, "this sign-in was not begun in this browser, or too long ago: begin again")
    }
    let attempt = sessions.attempt(request, context)
    var response: Response
    if let id = flow.session {
      let session = try await sessions.sessionCaller(request, context, demandsHeaderToken: false).session
      guard session.id == id else { throw OIDCProvider.refusal }
      try await oidc.reauthenticate(session, code: code, flow: flow, from: attempt)
      response = try await sessions.renewed(request, context)
    } else {
      let entered = try await oidc.enter(code: code, flow: flow, from: attempt)
      context.connection.noteAuthenticated()
      response = sessions.response(entered, request)
    }
    response.headers.append(sessions.rules.flowCookie.field("", answering: request))
    return response
  }
}
