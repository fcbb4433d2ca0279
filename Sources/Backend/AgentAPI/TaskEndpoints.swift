import Access
import HTTPService
import HTTPTypes
import Hummingbird
import OfferPlanning
import ResourceModel
import WireFormats

/// Where an Agent of the specification gets its tasks and says how they go (spec §14.3).
struct TaskEndpoints: Sendable {
  let tasks: PolledTasks
  /// Whose tokens may ask, where they are bound to one.
  let namespace: String

  static let maximumBodyByteCount = 64 << 10

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/internal/agent/tasks",
      [
        .get: { request, context in
          let caller = try require(context, request)
          guard let task = try await tasks.take(by: caller.identity.name) else { return .json(["task": .null]) }
          return .json(["task": Self.json(task)])
        }
      ])
    router.endpoint(
      "/internal/agent/tasks/{id}/status",
      [
        .post: { request, context in
          let caller = try require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let report = try TaskReport(reading: try JSONBody.parse(body))
          try await tasks.report(report, of: try context.parameters.require("id"), by: caller.identity.name)
          return .json(["received": true])
        }
      ])
    router.endpoint(
      "/internal/agent/tasks/{id}/heartbeat",
      [
        .post: { request, context in
          let caller = try require(context, request)
          // There is nothing to say but the path.
          _ = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try await tasks.heartbeat(of: try context.parameters.require("id"), by: caller.identity.name)
          return .json(["received": true])
        }
      ])
  }

  private func require(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Caller {
    let caller = try EndpointCaller.require(context, request)
    // Who only looks would take the task away from who carries it out.
    guard caller.identity.roles.contains(.agent) else {
      throw StatusError(
        .forbidden, "forbidden: tasks are for Agents; see them under /api/admin/deployment/releases")
    }
    if let bound = caller.identity.tenant, bound != namespace {
      throw StatusError(
        .forbidden, "forbidden: this token is for the namespace \"\(bound)\", and tasks are of \"\(namespace)\"")
    }
    return caller
  }

  /// As the specification writes a task.
  static func json(_ task: AgentTask) -> JSONValue {
    [
      "id": .string(task.id), "type": .string(task.type.rawValue), "payload": task.payload,
      "executeAfter": .string(task.executeAfter.description),
    ]
  }
}
