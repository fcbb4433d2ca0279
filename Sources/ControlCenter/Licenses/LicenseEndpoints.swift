import Access
import Accounts
import Audit
import Cryptography
import HTTPService
import HTTPTypes
import Hummingbird
import Licensing
import ResourceModel
import WireFormats

/// Licences of customers, for the vendor's people. To issue one the server needs the private key, which is the operator's choice; else
/// `wrktalk-gcc license issue` does it where the key is.
struct LicenseEndpoints: Sendable {
  static let maximumBodyByteCount = 16 << 10

  let ledger: LicenseLedger
  /// Nil where the key lies elsewhere.
  let key: Ed25519.PrivateKey?
  let audit: AuditLedger

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/organizations/{name}/licenses"
    router.endpoint(
      RouterPath(path),
      [
        .get: { request, context in
          let (name, _) = try Self.organization(request, context)
          return .json(["licenses": .array(try await ledger.list(name, limit: 100).map(\.json))])
        },
        .post: { request, context in
          let (name, caller) = try Self.organization(request, context)
          guard let key else {
            throw StatusError(
              .serviceUnavailable,
              "this server has no key to sign licences with: set GCC_LICENSE_KEY_FILE, or use wrktalk-gcc license issue where the "
                + "key is")
          }
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let issued = try await ledger.issue(
            try Self.terms(try JSONBody.parse(body), for: name), with: key, by: caller.identity.name,
            audit: AuditedActor(AuditActor(caller, context), in: audit))
          var json = issued.json
          json["token"] = .string(issued.token)
          return .json(json, status: .created)
        },
      ])
    router.endpoint(
      RouterPath("\(path)/{id}"),
      [
        .get: { request, context in
          let (name, _) = try Self.organization(request, context)
          let issued = try await ledger.find(try context.parameters.require("id"))
          guard issued.license.organization == name else {
            throw StatusError(.notFound, "the organization \"\(name)\" has no such licence")
          }
          var json = issued.json
          json["token"] = .string(issued.token)
          return .json(json)
        },
        .delete: { request, context in
          let (name, caller) = try Self.organization(request, context)
          let id = try context.parameters.require("id")
          return .json(
            try await ledger.revoke(
              id, of: name, by: caller.identity.name, reason: nil,
              audit: AuditedActor(AuditActor(caller, context), in: audit)
            ).json)
        },
      ])
  }

  private static func organization(_ request: Request, _ context: ServiceContext) throws -> (String, Caller) {
    try ControlCenterAccess.policy.require(context, request)
    return (try context.parameters.require("name"), try context.requireCaller())
  }

  private static func terms(_ body: JSONValue, for organization: String) throws(StatusError) -> LicenseTerms {
    guard let members = body.object else { throw StatusError(.badRequest, "the body must be a JSON object") }
    let known = ["installation", "notBefore", "expiresAt", "edition", "limits"]
    if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw StatusError(
        .invalid, "\(unknown.prefix(60)): is not known here; there are \(known.joined(separator: ", "))")
    }
    func text(_ name: String) throws(StatusError) -> String? {
      switch members[name] ?? .null {
      case .null: return nil
      case .string(let text): return text
      default: throw StatusError(.invalid, "\(name): must be text")
      }
    }
    func time(_ name: String) throws(StatusError) -> Timestamp? {
      guard let text = try text(name) else { return nil }
      guard let time = Timestamp(text) else {
        throw StatusError(.invalid, "\(name): must be a time such as 2027-12-31T23:59:59Z")
      }
      return time
    }
    // Whoever wants one without an end says so.
    guard members["expiresAt"] != nil else {
      throw StatusError(.invalid, "expiresAt: is missing; null is for a licence that never expires")
    }
    let limits = members["limits"] ?? [:]
    guard let limits = limits.object else { throw StatusError(.invalid, "limits: must be an object") }
    return LicenseTerms(
      organization: organization, installation: try text("installation"), notBefore: try time("notBefore"),
      expiresAt: try time("expiresAt"), edition: try text("edition"), limits: limits)
  }
}
