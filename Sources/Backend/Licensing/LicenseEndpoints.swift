import Access
import Accounts
import HTTPService
import HTTPTypes
import Hummingbird
import Licensing
import ResourceModel
import WireFormats

/// What Agents ask of the licence (spec §14.3), and what admins see and do.
struct LicenseEndpoints: Sendable {
  static let maximumBodyByteCount = 16 << 10

  let gate: LicenseGate
  let controller: LicenseController
  let installer: LicenseInstaller
  let now: @Sendable () -> Timestamp

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/internal/license/status",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          await controller.refresh()
          return .json(Self.status(gate.licenses, at: now()))
        }
      ])
    router.endpoint(
      "/api/admin/license",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          await controller.refresh()
          return .json(view())
        },
        .put: { request, context in
          let caller = try EndpointCaller.require(context, request)
          try caller.requireRecentAuthentication()
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let token = try Self.token(body)
          let identity = caller.identity
          _ = try await installer.install(
            token, by: .init(name: identity.name, roles: identity.roleText, address: context.peer ?? ""))
          return .json(view())
        },
      ])
  }

  private static func token(_ body: [UInt8]) throws(StatusError) -> String {
    guard let token = try JSONBody.parse(body)["license"]?.string else {
      throw StatusError(.badRequest, "the body must be {\"license\": \"…\"}")
    }
    return token
  }

  /// The answer to an Agent. Agents written to the specification look at `valid` alone; those of earlier versions also at
  /// `configured`, and take a refusal without a message as that of an expired licence.
  static func status(_ set: LicenseSet, at now: Timestamp) -> JSONValue {
    let current = set.current(at: now)
    let state = current?.state ?? .notConfigured
    let license = state.license
    var json: JSONValue = [
      "valid": .bool(!state.isBlocking), "state": .string(state.word),
      "expiresAt": license?.expiresAt.map { .string($0.description) } ?? .null,
    ]
    switch state {
    case .notConfigured: json["configured"] = false
    case .expired: break
    case .valid, .notYetValid, .wrongOrganization, .wrongInstallation, .invalid:
      json["message"] = .string(state.message)
    }
    json["organization"] = license.map { .string($0.organization) }
    json["licenseId"] = license.map { .string($0.id) }
    json["installation"] = set.holder.installation.map { .string($0) }
    // Signed, so that an Agent need not believe this server.
    json["token"] = license == nil ? nil : current?.held.token.map { .string($0) }
    return json
  }

  /// For admins; without tokens.
  private func view() -> JSONValue {
    let (set, now) = (gate.licenses, now())
    let current = set.current(at: now)
    let state = current?.state ?? .notConfigured
    var json: JSONValue = [
      "state": .string(state.word), "valid": .bool(!state.isBlocking), "message": .string(state.message),
      "expiresAt": state.license?.expiresAt.map { .string($0.description) } ?? .null,
    ]
    json["organization"] = set.holder.organization.map { .string($0) }
    json["installation"] = set.holder.installation.map { .string($0) }
    json["license"] = state.license.map(\.json)
    json["licenses"] = .array(
      set.held.map { held in
        let state = held.state(for: set.holder, at: now)
        var json: JSONValue = [
          "source": .string(held.source.rawValue), "state": .string(state.word), "message": .string(state.message),
          "isCurrent": .bool(held == current?.held),
        ]
        json["license"] = state.license.map(\.json)
        return json
      })
    json["lastRejection"] = gate.lastRejection.map {
      ["at": .string($0.time.wholeSeconds.description), "message": .string($0.message)]
    }
    return json
  }
}
