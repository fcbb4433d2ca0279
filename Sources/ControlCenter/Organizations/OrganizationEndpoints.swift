import Access
import Accounts
import Audit
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// What people at the vendor's do with organizations beside the resource API: their keys and webhook secrets, which no object
/// shows, and their history.
struct OrganizationEndpoints: Sendable {
  static let maximumBodyByteCount = 4 << 10

  let keys: OrganizationKeys
  let secrets: WebhookSecrets
  let history: VersionHistory
  let audit: AuditLedger

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/organizations/{name}"
    router.endpoint(
      "\(path)/keys",
      [
        .get: { request, context in
          let name = try Self.organization(request, context)
          return .json(["keys": .array(try await keys.list(name).map(\.json))])
        },
        .post: { request, context in
          let name = try Self.organization(request, context)
          let actor = AuditActor(try context.requireCaller(), context)
          let (key, record) = try await keys.create(
            for: name, note: AuditNote(actor.entry("OrganizationKeyCreated", name), in: audit))
          var json = record.json
          json["key"] = .string(key)
          return .json(json, status: .created)
        },
      ])
    router.endpoint(
      "\(path)/keys/{id}",
      [
        .delete: { request, context in
          let name = try Self.organization(request, context)
          let id = try context.parameters.require("id")
          let actor = AuditActor(try context.requireCaller(), context)
          try await keys.revoke(
            id, of: name,
            note: AuditNote(actor.entry("OrganizationKeyRevoked", name, ["id": .string(id)]), in: audit))
          return .json(["id": .string(id), "revoked": true])
        }
      ])
    router.endpoint(
      "\(path)/webhook-secret",
      [
        .put: { request, context in
          let name = try Self.organization(request, context)
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          let secret = try Self.secret(bytes)
          let actor = AuditActor(try context.requireCaller(), context)
          let kept = try await secrets.set(
            secret, for: name, note: AuditNote(actor.entry("WebhookSecretChanged", name), in: audit))
          return .json(["secret": .string(kept)])
        }
      ])
    router.endpoint(
      "\(path)/history",
      [
        .get: { request, context in
          let name = try Self.organization(request, context)
          return .json(["history": .array(try await history.of(name).map(\.json))])
        }
      ])
  }

  private static func organization(_ request: Request, _ context: ServiceContext) throws -> String {
    try ControlCenterAccess.policy.require(context, request)
    return try context.parameters.require("name")
  }

  /// Nil where the body names none.
  private static func secret(_ bytes: [UInt8]) throws(StatusError) -> String? {
    if bytes.isEmpty { return nil }
    switch try JSONBody.parse(bytes)["secret"] {
    case nil, .null: return nil
    case .string(let secret): return secret
    default: throw StatusError(.badRequest, "secret: must be text")
    }
  }
}

extension OrganizationKey {
  /// Never the key itself.
  var json: JSONValue {
    var json: JSONValue = [
      "id": .string(id), "organization": .string(organization),
      "createdAt": .string(createdAt.wholeSeconds.description),
    ]
    json["lastUsedAt"] = lastUsedAt.map { .string($0.wholeSeconds.description) }
    return json
  }
}
