public import WireFormats

/// Which objects a list or watch is about: a label selector and a field selector together.
public struct ObjectSelector: Sendable, Hashable {
  public enum LabelRequirement: Sendable, Hashable {
    case equals(key: String, value: String)
    case notEquals(key: String, value: String)
    case isIn(key: String, values: Set<String>)
    case isNotIn(key: String, values: Set<String>)
    case exists(key: String)
    case doesNotExist(key: String)
  }

  public enum FieldRequirement: Sendable, Hashable {
    case equals(path: String, value: String)
    case notEquals(path: String, value: String)
  }

  public var labels: [LabelRequirement]
  public var fields: [FieldRequirement]

  public init(labels: [LabelRequirement] = [], fields: [FieldRequirement] = []) {
    self.labels = labels
    self.fields = fields
  }

  public static let everything = ObjectSelector()

  public var isEverything: Bool { labels.isEmpty && fields.isEmpty }

  /// True where every requirement holds for the object.
  public func matches(_ object: JSONValue) -> Bool {
    labels.allSatisfy { matches($0, object["metadata"]?["labels"]) } && fields.allSatisfy { matches($0, object) }
  }

  private func matches(_ requirement: LabelRequirement, _ labels: JSONValue?) -> Bool {
    switch requirement {
    case .equals(let key, let value): labels?[key]?.string == value
    case .notEquals(let key, let value): labels?[key]?.string != value
    case .isIn(let key, let values): labels?[key]?.string.map(values.contains) ?? false
    case .isNotIn(let key, let values): !(labels?[key]?.string.map(values.contains) ?? false)
    case .exists(let key): labels?[key] != nil
    case .doesNotExist(let key): labels?[key] == nil
    }
  }

  private func matches(_ requirement: FieldRequirement, _ object: JSONValue) -> Bool {
    switch requirement {
    case .equals(let path, let value): text(at: path, object) == value
    case .notEquals(let path, let value): text(at: path, object) != value
    }
  }

  private func text(at path: String, _ object: JSONValue) -> String {
    var value: JSONValue? = object
    for component in path.split(separator: ".") { value = value?[String(component)] }
    return switch value {
    case .string(let text): text
    case .bool(let flag): String(flag)
    case .integer(let number): String(number)
    default: ""
    }
  }
}
