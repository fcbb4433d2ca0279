import Accounts
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// Non-essential settings for admins (spec §4.2, §5.4).
struct SettingEndpoints: Sendable {
  let settings: SettingStore

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/config",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          let page = try PageRequest(request.uri.query)
          let found = try await settings.list(page, category: try QueryItems(request.uri.query)["category"])
          let (shown, next) = page.page(found, token: \.key)
          var answer: JSONValue = ["settings": .array(shown.map(\.json))]
          if let next { answer["continue"] = .string(next) }
          return .json(answer)
        },
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: SettingChange.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let (setting, isNew) = try await settings.set(
            SettingChange(body), by: AuditActor(caller, context), entityTag: Self.entityTag(request))
          var answer = setting.json
          answer["created"] = .bool(isNew)
          return .json(answer)
        },
      ])
    router.endpoint(
      "/api/admin/config/{key}",
      [
        .delete: { request, context in
          let caller = try EndpointCaller.require(context, request)
          try await settings.remove(
            Self.key(context), by: AuditActor(caller, context), entityTag: Self.entityTag(request))
          return .json(["removed": true])
        }
      ])
    router.endpoint(
      "/api/admin/config/{key}/history",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(["changes": .array(try await settings.history(Self.key(context)).map(\.json))])
        }
      ])
  }

  private static func key(_ context: ServiceContext) throws(StatusError) -> String {
    let key = context.parameters.get("key") ?? ""
    guard key.utf8.count <= SettingChange.maximumKeyByteCount, !key.utf8.contains(0) else { throw .noSuchPath }
    return key
  }

  /// `If-Match` (RFC 9110 §13.1.1) with the `etag` of the setting.
  private static func entityTag(_ request: Request) -> String? {
    request.headers[.ifMatch].map { $0.filter { $0 != "\"" && $0 != " " } }
  }
}
