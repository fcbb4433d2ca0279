import Accounts
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// The endpoints of the specification's Agent (spec §14.3) beside the resource API.
struct InternalEndpoints: Sendable {
  let settings: SettingStore
  let releases: ReleaseSettings

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/internal/config",
      [
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: SettingChange.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          return .json(try await addSetting(body, by: AuditActor(caller, context)))
        }
      ])
  }

  /// - Returns: whether the setting is new.
  /// - Throws: `StatusError`: 403 for what no release brings.
  func addSetting(_ body: [UInt8], by actor: AuditActor) async throws -> JSONValue {
    let setting = try SettingChange(body)
    let isNew = try await settings.insertIfAbsent(
      key: setting.key, value: setting.value, by: actor, broughtBy: releases)
    return ["created": .bool(isNew)]
  }
}
