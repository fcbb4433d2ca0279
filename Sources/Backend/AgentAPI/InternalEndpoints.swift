import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// The endpoints of the specification's Agent (spec §14.3) beside the resource API.
struct InternalEndpoints: Sendable {
  let settings: SettingStore

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/internal/config",
      [
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: SettingChange.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          return .json(try await addSetting(body))
        }
      ])
  }

  /// - Returns: whether the setting is new.
  func addSetting(_ body: [UInt8]) async throws -> JSONValue {
    let setting = try SettingChange(body)
    return ["created": .bool(try await settings.insertIfAbsent(key: setting.key, value: setting.value))]
  }
}
