import ProgramConfiguration
import WireFormats
import YAMLDocuments

/// A named cluster, user or context, and where it stands.
struct KubeconfigEntry: Sendable {
  /// `cluster`, `user` or `context`.
  let kind: String
  let name: String
  let value: JSONValue
  let file: String
  let document: YAMLDocument
  /// The path of `value` in the document: `clusters[0].cluster`.
  let path: String

  /// The text of a field; nil where it is missing or empty.
  func text(_ field: String) throws(ConfigurationError) -> String? {
    switch value[field] {
    case nil, .null?, .string("")?: return nil
    case .string(let text)?: return text
    case let other?: throw failure(field, "must be a string, not \(other.typeName); write it in quotation marks")
    }
  }

  func flag(_ field: String) throws(ConfigurationError) -> Bool {
    switch value[field] {
    case nil, .null?: return false
    case .bool(let flag)?: return flag
    case .some: throw failure(field, "must be true or false")
    }
  }

  func has(_ field: String) -> Bool {
    guard let value = value[field] else { return false }
    return value != .null && value != .string("") && value != .array([]) && value != .object([:])
  }

  /// The path that a field names; a relative one is relative to the folder of the file.
  func filePath(_ field: String) throws(ConfigurationError) -> String? {
    guard let path = try text(field) else { return nil }
    if path.hasPrefix("/") { return path }
    guard let slash = file.lastIndex(of: "/") else { return path }
    return file[...slash] + path
  }

  func failure(_ field: String, _ message: String) -> ConfigurationError {
    ConfigurationError(
      "\(field) of the \(kind) \"\(name)\" \(message)", at: document.location(ofField: "\(path).\(field)"))
  }
}

extension ConfigurationError {
  /// What is wrong at a place of a kubeconfig.
  init(_ message: String, at location: SourceLocation) { self.init(message, setting: "\(location)") }
}
