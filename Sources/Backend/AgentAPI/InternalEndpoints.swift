import Access
import DeploymentKinds
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// The endpoints of the specification's Agent (spec §14.3) beside the resource API.
struct InternalEndpoints: Sendable {
  let settings: SettingStore
  let license: LicenseSource
  let now: @Sendable () -> Timestamp

  static let maximumValueByteCount = 32 << 10
  static let maximumBodyByteCount = 64 << 10

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/internal/license/status",
      [
        .get: { request, context in
          try Self.require(context, request)
          return .json(await license.currentState().json(at: now()))
        }
      ])
    router.endpoint(
      "/internal/config",
      [
        .post: { request, context in
          let caller = try Self.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          return .json(try await addSetting(body))
        }
      ])
  }

  /// - Returns: whether the setting is new.
  func addSetting(_ body: [UInt8]) async throws -> JSONValue {
    let (key, value) = try Self.setting(body)
    return ["created": .bool(try await settings.insertIfAbsent(key: key, value: value))]
  }

  @discardableResult
  private static func require(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Caller {
    let caller = try context.requireCaller()
    let verb = request.method.rawValue.lowercased()
    guard BackendAccess.policy.allows(caller.identity, verb: verb, path: request.uri.path) else {
      throw StatusError(
        .forbidden,
        "\(request.uri.path) is for Agents; \"\(caller.identity.name)\" has the role \(caller.identity.roleText)")
    }
    return caller
  }

  private static func setting(_ body: [UInt8]) throws(StatusError) -> (key: String, value: String) {
    let json = try JSONBody.parse(body)
    guard let key = json["key"]?.string, let value = json["value"]?.string else {
      throw StatusError(.badRequest, "the body must be {\"key\": \"…\", \"value\": \"…\"}")
    }
    let isName = key.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
      default: false
      }
    }
    guard isName, !key.isEmpty, key.utf8.count <= 256 else {
      throw StatusError(.invalid, "key: must be the name of an environment variable: letters, digits and underscores")
    }
    guard !LoaderVariable.isOne(key) else {
      throw StatusError(.invalid, "key: \(key) \(LoaderVariable.refusal)")
    }
    guard value.utf8.count <= maximumValueByteCount, !value.utf8.contains(0) else {
      throw StatusError(.invalid, "value: must be text of at most \(maximumValueByteCount) bytes")
    }
    return (key, value)
  }
}
