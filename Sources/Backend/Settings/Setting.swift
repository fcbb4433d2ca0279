import Cryptography
import Database
import WireFormats

/// A row of `non_essential_env` (spec §13).
struct Setting: Sendable, Hashable {
  var key: String
  var value: String
  var description: String?
  var category: String?
  /// RFC 3339, as other programs may have written them.
  var createdAt: String
  var updatedAt: String
  var updatedBy: String?

  /// Differs where anything of the setting does that an admin edits.
  var entityTag: String {
    let parts = [value, description ?? "", category ?? ""].map { "\($0.utf8.count):\($0)" }
    return String(SHA256.digest(of: parts.joined()).hexadecimal.prefix(16))
  }

  var json: JSONValue {
    [
      "key": .string(key), "value": .string(value), "description": description.map { .string($0) } ?? .null,
      "category": category.map { .string($0) } ?? .null, "createdAt": .string(createdAt),
      "updatedAt": .string(updatedAt), "updatedBy": updatedBy.map { .string($0) } ?? .null,
      "etag": .string(entityTag),
    ]
  }

  static func columns(_ dialect: SQLDialect) -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "\"\(name)\"") }
    return "key, value, description, category, \(time("createdAt")), \(time("updatedAt")), \"updatedBy\""
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    key = row[0].text ?? ""
    value = row[1].text ?? ""
    description = row[2].text
    category = row[3].text
    createdAt = row[4].text ?? ""
    updatedAt = row[5].text ?? ""
    updatedBy = row[6].text
  }
}

/// One change of a setting: who made what of what.
struct SettingHistoryEntry: Sendable, Hashable {
  enum Action: String, Sendable {
    /// A release brought it.
    case added
    case changed
    case removed
  }

  var action: String
  var from: String?
  var to: String?
  var by: String
  var at: String

  var json: JSONValue {
    [
      "action": .string(action), "from": from.map { .string($0) } ?? .null, "to": to.map { .string($0) } ?? .null,
      "by": .string(by), "at": .string(at),
    ]
  }
}
