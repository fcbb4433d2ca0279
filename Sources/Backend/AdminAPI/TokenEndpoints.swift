import Access
import Accounts
import Audit
import Cryptography
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Tokens of programs and Agents, for admins: who has one, a new one, and none any more.
struct TokenEndpoints: Sendable {
  private static let maximumBodyByteCount = 4 << 10
  private static let maximumLifetimeDays: Int64 = 3650

  let tokens: TokenStore
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/tokens",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(["tokens": .array(try await tokens.all().map(json))])
        },
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          try caller.requireRecentAuthentication()
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let (record, token) = try await make(try JSONBody.parse(bytes), by: AuditActor(caller, context))
          var answer = json(record)
          answer["token"] = .string(token)
          return .json(answer, status: .created)
        },
      ])
    router.endpoint(
      "/api/admin/tokens/{name}",
      [
        .delete: { request, context in
          let caller = try EndpointCaller.require(context, request)
          try caller.requireRecentAuthentication()
          try await revoke(context.parameters.get("name") ?? "", by: AuditActor(caller, context))
          return .json(["revoked": true])
        }
      ])
  }

  /// - Parameter body: `{"name": "…", "role": "…", "namespace": "…", "expiresInDays": 90}`; the namespace is for an Agent's.
  /// - Returns: the token itself, which nobody sees again.
  func make(_ body: JSONValue, by actor: AuditActor) async throws -> (TokenRecord, String) {
    let name = body["name"]?.string ?? ""
    guard !name.isEmpty, name.utf8.count <= 100,
      name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && $0 != "/" })
    else { throw StatusError(.invalid, "name: must have 1 to 100 characters, without white space or /") }
    guard let role = body["role"]?.string.flatMap({ BackendAccess.policy.definition(Role(rawValue: $0))?.role }) else {
      let roles = BackendAccess.policy.roles.map(\.role.rawValue).joined(separator: ", ")
      throw StatusError(.invalid, "role: must be one of \(roles)")
    }
    let namespace = body["namespace"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    guard (role == .agent) == (namespace != nil) else {
      throw StatusError(
        .invalid, "namespace: an Agent's token is bound to the namespace of its records, and no other token is")
    }
    if let problem = namespace.flatMap({ NameRules.labelProblems($0).first }) {
      throw StatusError(.invalid, "namespace: \(problem)")
    }
    var expiresAt: Timestamp?
    switch body["expiresInDays"] ?? .null {
    case .null: break
    case .integer(let days) where (1...Self.maximumLifetimeDays).contains(days):
      expiresAt = now() + .seconds(days * 86_400)
    case _: throw StatusError(.invalid, "expiresInDays: must be a whole number from 1 to \(Self.maximumLifetimeDays)")
    }
    let token = TokenFormat.make()
    let record = TokenRecord(
      name: name, roles: [role], digest: SHA256.digest(of: token).bytes, createdAt: now(), expiresAt: expiresAt,
      tenant: namespace, bindings: namespace == nil ? [:] : [AgentBinding.leaseName: AgentBinding.standardLease])
    let entry = actor.entry(
      "TokenCreated", name,
      [
        "role": .string(role.rawValue), "namespace": namespace.map { .string($0) } ?? .null,
        "expiresAt": expiresAt.map { .string($0.description) } ?? .null,
      ])
    do {
      try await tokens.insert(record) { [audit] in try audit.record([entry], in: $0) }
    } catch let error as DatabaseError where error.code == .uniqueViolation {
      throw StatusError(
        .conflict, "there is a token named \"\(name)\" already: choose another name, or revoke it first")
    }
    return (record, token)
  }

  /// A running server notices within seconds.
  func revoke(_ name: String, by actor: AuditActor) async throws {
    let entry = actor.entry("TokenRevoked", name)
    guard
      name.utf8.count <= 100, !name.utf8.contains(0),
      try await tokens.remove(name: name, also: { [audit] in try audit.record([entry], in: $0) })
    else { throw StatusError(.notFound, "there is no token named \"\(name.prefix(100))\"") }
  }

  /// Without what is secret.
  private func json(_ token: TokenRecord) -> JSONValue {
    [
      "name": .string(token.name), "role": .string(token.identity.roleText),
      "namespace": token.tenant.map { .string($0) } ?? .null, "createdAt": .string(token.createdAt.description),
      "expiresAt": token.expiresAt.map { .string($0.description) } ?? .null,
      "lastUsedAt": token.lastUsedAt.map { .string($0.description) } ?? .null,
      "isValid": .bool(token.isValid(at: now())),
    ]
  }
}
