import Accounts
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Changes for many customers at once.
struct FleetJobEndpoints: Sendable {
  private static let maximumBodyByteCount = 64 << 10
  private static let shown = 50
  private static let maximumNames = 500

  let jobs: FleetJobs

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/fleet/jobs"
    router.endpoint(
      "\(path)",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(["jobs": .array(try await jobs.list(limit: Self.shown).map(\.json))])
        },
        .post: { request, context in
          let caller = try ControlCenterAccess.policy.requireCaller(context, request)
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          return try await post(try JSONBody.parse(bytes), by: caller, AuditActor(caller, context))
        },
      ])
    router.endpoint(
      "\(path)/{id}",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await jobs.find(try context.parameters.require("id")).json)
        }
      ])
    router.endpoint(
      "\(path)/{id}/start",
      [
        .post: { request, context in
          let caller = try ControlCenterAccess.policy.requireCaller(context, request)
          let id = try context.parameters.require("id")
          return .json(try await jobs.start(id, by: AuditActor(caller, context)).json)
        }
      ])
    router.endpoint(
      "\(path)/{id}/cancel",
      [
        .post: { request, context in
          let caller = try ControlCenterAccess.policy.requireCaller(context, request)
          let id = try context.parameters.require("id")
          return .json(try await jobs.cancel(id, by: AuditActor(caller, context)).json)
        }
      ])
  }

  /// What is of the wrong type is refused, never taken for what was left out: that would be more customers, or not a dry run.
  private func post(_ body: JSONValue, by caller: Caller, _ actor: AuditActor) async throws -> Response {
    guard let members = body.object else { throw StatusError(.badRequest, "the body must be a JSON object") }
    let known = ["action", "filter", "organizations", "dryRun", "labels", "resolution", "type", "release"]
    if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw StatusError(
        .badRequest, "\(unknown.prefix(60)): there is no such member; there are \(known.joined(separator: ", "))")
    }
    guard let isDryRun = (members["dryRun"] ?? false).bool else {
      throw StatusError(.invalid, "dryRun: must be true or false")
    }
    if members["type"] == .null { throw StatusError(.invalid, "type: must be text; leave it out for all types") }
    let action = try FleetJob.Action(body["action"]?.string ?? "", body)
    let selection = try Self.selection(body)
    if isDryRun { return .json(try await jobs.prepare(action, for: selection, by: actor).json, status: .created) }
    try caller.requireRecentAuthentication()
    return .json(try await jobs.start(action, for: selection, by: actor).json, status: .created)
  }

  private static func selection(_ body: JSONValue) throws(StatusError) -> FleetJobs.Selection {
    if let list = body["organizations"] {
      let names = list.array?.compactMap(\.string) ?? []
      guard body["filter"] == nil, names.count == list.array?.count, (1...maximumNames).contains(names.count),
        names.allSatisfy({ $0.utf8.count <= 253 && !$0.utf8.contains(0) })
      else { throw StatusError(.invalid, "organizations: must be 1 to \(maximumNames) names, without a filter beside") }
      return .names(names)
    }
    // Everybody is meant only where that is written.
    guard let filter = body["filter"]?.object else {
      throw StatusError(.invalid, "filter: is missing; {} is for every customer")
    }
    var items: [String: String] = [:]
    for (name, value) in filter {
      guard let text = value.string else { throw StatusError(.invalid, "filter.\(name.prefix(60)): must be text") }
      items[name] = text
    }
    return .filter(try OrganizationFilter(items))
  }
}
