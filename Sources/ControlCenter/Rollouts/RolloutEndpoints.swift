import FleetPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// What is asked of rollouts beside their objects: who would be in which stage, how far it is, and the customers behind each number.
struct RolloutEndpoints: Sendable {
  static let maximumBodyByteCount = 1 << 20

  let preview: RolloutPreview
  let progress: RolloutProgress

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/rollouts"
    router.endpoint(
      "\(path)/plan",
      [
        .post: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          let spec = try RolloutPreview.spec(try JSONBody.parse(bytes))
          let plan = try await preview.plan(spec)
          var answer = plan.json
          answer["digest"] = .string(try PlanDigest.of(plan, spec))
          return .json(answer)
        }
      ])
    router.endpoint(
      "\(path)/{name}/progress",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await progress.summary(of: try context.parameters.require("name")))
        }
      ])
    router.endpoint(
      "\(path)/{name}/targets",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let query = request.uri.query
          return .json(
            try await progress.targets(
              of: try context.parameters.require("name"), try QueryItems(query), try PageRequest(query)))
        }
      ])
  }
}
