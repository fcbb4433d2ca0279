public import Access
import Accounts
public import Audit
import FleetPlanning
public import HTTPService
import HTTPTypes
public import Hummingbird
import Logging
import ResourceModel
import WireFormats

/// Where CI makes releases and changes their state (spec §14.1).
public struct ReleaseEndpoints: Sendable {
  private let catalog: ReleaseCatalog
  private let policy: AccessPolicy
  private let audit: AuditLedger?

  /// - Parameter audit: nil where nothing is audited.
  public init(catalog: ReleaseCatalog, policy: AccessPolicy, audit: AuditLedger? = nil) {
    self.catalog = catalog
    self.audit = audit
    self.policy = policy
  }

  public func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/internal/releases",
      [
        .post: { request, context in
          let caller = try policy.requireCaller(context, request)
          let body = try await JSONBody.read(request, maximumBytes: ReleaseRequest.maximumBodyBytes)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let release = try ReleaseRequest(try JSONBody.parse(body))
          let audited = audit.map { AuditedActor(AuditActor(caller, context), in: $0) }
          return .json(try await catalog.save(release, by: caller.identity.name, audit: audited).answer)
        },
        .get: { request, context in
          try policy.require(context, request)
          return .json(try await list(PageRequest(request.uri.query)))
        },
      ])
    addState("publish", "ReleasePublished", to: router) { try await catalog.publish($0, note: $1) }
    addState("deprecate", "ReleaseDeprecated", to: router) { try await catalog.deprecate($0, note: $1) }
    addState("withdraw", "ReleaseWithdrawn", to: router) { try await catalog.withdraw($0, note: $1) }
  }

  private func addState(
    _ verb: String, _ action: String, to router: Router<ServiceContext>,
    _ change:
      @escaping @Sendable (ReleaseVersion, AuditNote?) async throws -> ReleaseRecord
  ) {
    router.endpoint(
      "/api/internal/releases/{version}/\(verb)",
      [
        .post: { request, context in
          let identity = try policy.require(context, request)
          // There is nothing to say but the path.
          _ = try await JSONBody.read(request, maximumBytes: 64 << 10)
          let (version, actor) = (try Self.version(context), AuditActor(try context.requireCaller(), context))
          let release = try await change(
            version, audit.map { AuditNote(actor.entry(action, version.text), in: $0) })
          context.logger.info(
            "Changed the state of a release",
            metadata: ["version": "\(release.version)", "status": "\(release.statusText)", "user": "\(identity.name)"])
          return .json(release.answer)
        }
      ])
  }

  private static func version(_ context: ServiceContext) throws(StatusError) -> ReleaseVersion {
    let text = context.parameters.get("version") ?? ""
    guard let version = try? ReleaseVersion(text) else {
      throw StatusError(.notFound, "there is no release \"\(ReleaseVersion.shown(text))\"")
    }
    return version
  }

  private func list(_ page: PageRequest) async throws -> JSONValue {
    let after = try page.token.map { (token) throws(StatusError) in
      guard let version = try? ReleaseVersion(token) else { throw PageRequest.invalidToken }
      return version
    }
    let found = try await catalog.list(limit: page.limit + 1, after: after)
    let (releases, next) = page.page(found, token: \.version)
    var answer: JSONValue = ["releases": .array(releases.map(\.summary))]
    if let next { answer["continue"] = .string(next) }
    return answer
  }
}
