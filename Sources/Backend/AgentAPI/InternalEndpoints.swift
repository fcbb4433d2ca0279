import DeploymentKinds
import ResourceModel
import ResourceServer
import WireFormats

/// The endpoints of the specification's Agent (spec §14.3) beside the resource API.
struct InternalEndpoints: AuthenticatedEndpoints {
  let settings: SettingStore
  let license: LicenseSource
  let now: @Sendable () -> Timestamp

  static let maximumValueByteCount = 32 << 10

  func respond(method: String, path: String, identity: Identity, body: [UInt8]) async throws -> JSONValue? {
    switch (method, path) {
    case ("GET", "/internal/license/status"):
      try require(identity, path)
      return await license.currentState().json(at: now())
    case ("POST", "/internal/config"):
      try require(identity, path)
      let (key, value) = try Self.setting(body)
      return ["created": .bool(try await settings.insertIfAbsent(key: key, value: value))]
    case (_, "/internal/license/status"), (_, "/internal/config"):
      throw StatusError(.methodNotAllowed, "\(path) does not allow \(method.prefix(20))")
    default: return nil
    }
  }

  private func require(_ identity: Identity, _ path: String) throws(StatusError) {
    guard identity.role == .agent || identity.role == .admin else {
      throw StatusError(
        .forbidden, "\(path) is for Agents; \"\(identity.name)\" has the role \(identity.role.rawValue)")
    }
  }

  private static func setting(_ body: [UInt8]) throws(StatusError) -> (key: String, value: String) {
    let json: JSONValue
    do {
      json = try JSONValue(parsing: body)
    } catch {
      throw StatusError(.badRequest, "the body is no JSON: \(error)")
    }
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
