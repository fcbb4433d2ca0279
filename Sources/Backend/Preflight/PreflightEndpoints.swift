import DeploymentPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Asks the Agent once more what stands in the way of a release.
struct PreflightEndpoints: Sendable {
  private static let maximumBodyByteCount = 4 << 10

  let controller: PreflightController

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/deployment/preflight",
      [
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          if !bytes.isEmpty { try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials) }
          let body = bytes.isEmpty ? JSONValue.object([:]) : try JSONBody.parse(bytes)
          return .json(try await ask(body))
        }
      ])
  }

  /// - Parameter body: `{"deploymentId": "…"}`, or nothing for the newest offer.
  func ask(_ body: JSONValue) async throws -> JSONValue {
    guard let members = body.object else {
      throw StatusError(.badRequest, "the body must be {\"deploymentId\": \"…\"}, not \(body.typeName)")
    }
    if let unknown = members.keys.sorted().first(where: { $0 != "deploymentId" }) {
      throw StatusError(.badRequest, "\(unknown.prefix(40)): is not known here; there is deploymentId")
    }
    let id = body["deploymentId"] ?? .null
    guard id.isNull || id.string != nil else {
      throw StatusError(.badRequest, "deploymentId must be text, not \(id.typeName)")
    }
    let request = try await controller.askAgain(id.string)
    return [
      "requested": true, "version": .string(request.version), "requestedAt": .string(request.requestedAt ?? ""),
    ]
  }
}
