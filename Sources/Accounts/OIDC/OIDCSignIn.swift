import Access
import Audit
import Database
import ResourceModel
import WireFormats

/// Lets people in by the word of an identity provider.
struct OIDCSignIn: Sendable {
  let provider: OIDCProvider
  let signIn: SignIn

  /// - Throws: `unauthorized` where the provider does not confirm who it is, `forbidden` where that one is not let in.
  func enter(code: String, flow: OIDCFlow, from attempt: SignIn.Attempt) async throws -> SignIn.Entered {
    let now = signIn.now()
    let keys = try await begin(attempt, now)
    let token = try await token(code, flow, attempt, keys)
    let configuration = provider.configuration
    let outcome: Result<SignIn.Entered, StatusError> = try await signIn.database.transaction(.write) { connection in
      let linked = try AdminAccount.find(issuer: configuration.issuer, subject: token.subject, in: connection)
      let sameAddress = try token.email.flatMap { email in
        email.utf8.contains(0) ? nil : try AdminAccount.find(email: email, in: connection)
      }
      try SignInThrottle.forgive(Array(keys.keys), in: connection)
      switch OIDCAdmission.decide(token, linked: linked, sameAddress: sameAddress, configuration) {
      case .enter(let account, let role), .link(let account, let role):
        return .success(try enter(account, role, token, attempt, now, connection))
      case .create(let email, let name, let role):
        return .success(try enter(create(email, name, role, now, connection), role, token, attempt, now, connection))
      case .refuse(let reason):
        let entry = AuditActor(name: "", address: attempt.address)
          .entry("SignInRefused", token.subject, ["issuer": .string(configuration.issuer), "reason": .string(reason)])
        if keys.values.contains(0) { try signIn.audit.record([entry], in: connection) }
        return .failure(StatusError(.forbidden, reason))
      }
    }
    let entered = try outcome.get()
    signIn.sessions.forget(accountID: entered.record.account.id)
    return entered
  }

  /// The person of a session signs in at the provider once more.
  func reauthenticate(
    _ session: Session, code: String, flow: OIDCFlow, from attempt: SignIn.Attempt
  ) async throws {
    let now = signIn.now()
    let keys = try await begin(attempt, now)
    let token = try await token(code, flow, attempt, keys)
    let issuer = provider.configuration.issuer
    let account = try await signIn.database.transaction(.write) { connection in
      guard let account = try AdminAccount.find(issuer: issuer, subject: token.subject, in: connection),
        account.email == session.identity.name, account.state == .active
      else { throw OIDCProvider.refusal }
      try SignInThrottle.forgive(Array(keys.keys), in: connection)
      try SessionLedger.renew(id: session.id, at: now, in: connection)
      return account
    }
    signIn.sessions.forget(accountID: account.id)
  }

  // MARK: Steps

  private func begin(
    _ attempt: SignIn.Attempt, _ now: Timestamp
  ) async throws -> [SignInThrottle.Key: Int64] {
    let key = SignInThrottle.Key.provider(attempt.addressKey)
    return try await signIn.database.transaction(.write) { try SignInThrottle.begin([key], now: now, in: $0) }
  }

  private func token(
    _ code: String, _ flow: OIDCFlow, _ attempt: SignIn.Attempt, _ keys: [SignInThrottle.Key: Int64]
  ) async throws -> IDToken {
    let expected = IDToken.Expectation(
      issuer: provider.configuration.issuer, clientID: provider.configuration.clientID, nonce: flow.nonce,
      authenticatedSince: flow.session == nil ? nil : flow.begunAt)
    do throws(StatusError) {
      return try await provider.token(code: code, verifier: flow.verifier, expected: expected)
    } catch {
      if error.reason != .unauthorized {
        // The provider did not answer: that is nobody's failure.
        try await signIn.database.transaction(.write) { try SignInThrottle.takeBack(Array(keys.keys), in: $0) }
      } else if keys.values.contains(0) {
        let entry = AuditActor(name: "", address: attempt.address).entry("SignInFailed", "", ["by": "oidc"])
        try await signIn.database.transaction(.write) { try signIn.audit.record([entry], in: $0) }
      }
      throw error
    }
  }

  private func create(
    _ email: String, _ name: String, _ role: Role, _ now: Timestamp, _ connection: any SQLConnection
  ) throws -> AdminAccount {
    let id = signIn.makeID()
    let time = connection.dialect.time("$5")
    let count = try connection.query("SELECT count(*) FROM admin").first?[0].integer ?? 0
    guard count < AccountLedger.maximumCount else {
      throw StatusError(.forbidden, "exceeded quota: there are \(count) accounts already")
    }
    let isNew =
      try connection.execute(
        """
        INSERT INTO admin (id, email, name, role, "createdAt", "updatedAt") VALUES ($1, $2, $3, $4, \(time), \(time))
        ON CONFLICT DO NOTHING
        """, [.text(id), .text(email), .text(name), .text(role.rawValue), now.column]) > 0
    guard isNew, let account = try AdminAccount.find(id: id, in: connection) else {
      throw StatusError(.conflict, "your account was just made: sign in again")
    }
    return account
  }

  private func enter(
    _ account: AdminAccount, _ role: Role, _ token: IDToken, _ attempt: SignIn.Attempt,
    _ now: Timestamp, _ connection: any SQLConnection
  ) throws -> SignIn.Entered {
    var account = account
    // Somebody who may say who has access is always left: the last one keeps the role, whatever the groups say.
    let isLast = role != .admin && (try? AccountLedger.requireAnother(than: account, in: connection)) == nil
    let role = isLast ? account.role : role
    let isChanged = account.role != role
    account.role = role
    (account.oidcIssuer, account.oidcSubject) = (provider.configuration.issuer, token.subject)
    try connection.execute(
      "UPDATE admin SET role = $2, \"oidcIssuer\" = $3, \"oidcSubject\" = $4 WHERE id = $1",
      [
        .text(account.id), .text(role.rawValue), .text(provider.configuration.issuer), .text(token.subject),
      ])
    if isChanged { try SessionLedger.endAll(of: account.id, in: connection) }
    // Who was signed in there for hours has not just proved who they are.
    let provedAt = token.authenticatedAt.map { min($0, now) } ?? Timestamp(seconds: 0)
    return try signIn.begin(
      account, attempt,
      detail: ["by": "oidc", "issuer": .string(provider.configuration.issuer), "role": .string(role.rawValue)],
      authenticatedAt: provedAt, now: now, in: connection)
  }
}
