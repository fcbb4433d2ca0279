import DeploymentKinds
import HTTPService
import ResourceModel
import WireFormats

/// A setting as a release brings it or an admin sets it (spec §4.2, §14.3): `{"key": "…", "value": "…"}`.
struct SettingChange: Sendable, Hashable {
  static let maximumKeyByteCount = 256
  static let maximumValueByteCount = 32 << 10
  static let maximumDescriptionByteCount = 1024
  static let maximumCategoryByteCount = 64
  static let maximumBodyByteCount = 64 << 10

  var key: String
  var value: String
  /// What it is for, and what kind of setting (spec §13: feature, logging, ui); nil leaves what there is, empty removes it.
  var description: String?
  var category: String?

  /// - Throws: `StatusError`, which names the member at fault.
  init(_ body: [UInt8]) throws(StatusError) {
    let json = try JSONBody.parse(body)
    guard let key = json["key"]?.string, let value = json["value"]?.string else {
      throw StatusError(.badRequest, "the body must be {\"key\": \"…\", \"value\": \"…\"}")
    }
    self.key = try Self.checkedKey(key)
    self.value = value
    try Self.check(value, "value", Self.maximumValueByteCount)
    description = try Self.text(json["description"], "description", Self.maximumDescriptionByteCount)
    category = try Self.text(json["category"], "category", Self.maximumCategoryByteCount)
  }

  private static func checkedKey(_ key: String) throws(StatusError) -> String {
    let isName = key.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
      default: false
      }
    }
    guard isName, !key.isEmpty, key.utf8.count <= maximumKeyByteCount else {
      throw StatusError(.invalid, "key: must be the name of an environment variable: letters, digits and underscores")
    }
    guard !LoaderVariable.isOne(key) else { throw StatusError(.invalid, "key: \(key) \(LoaderVariable.refusal)") }
    return key
  }

  private static func check(_ text: String, _ name: String, _ maximum: Int) throws(StatusError) {
    guard text.utf8.count <= maximum, !text.utf8.contains(0) else {
      throw StatusError(.invalid, "\(name): must be text of at most \(maximum) bytes")
    }
  }

  private static func text(_ json: JSONValue?, _ name: String, _ maximum: Int) throws(StatusError) -> String? {
    guard let json else { return nil }
    if json.isNull { return "" }
    guard let text = json.string else { throw StatusError(.badRequest, "\(name): must be text") }
    try check(text, name, maximum)
    return text
  }
}
