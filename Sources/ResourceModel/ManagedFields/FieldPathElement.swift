public import WireFormats

/// One step of a path into an object: a field, or an element of a list by its keys, its value or its place.
///
/// It is kept as FieldsV1 writes it, so that sets of fields are read and written without work:
///
///     f:spec                  the field spec
///     k:{"type":"Ready"}      the element of a list whose type is Ready
///     v:"example.com/kept"    the element of a list that has this value
///     i:0                     the first element of a list
public struct FieldPathElement: Sendable, Hashable, Comparable {
  /// Canonical: keys sorted, JSON without white space.
  public let text: String

  private init(text: String) { self.text = text }

  public static func field(_ name: String) -> FieldPathElement { FieldPathElement(text: "f:" + name) }

  public static func keys(_ keys: [String: JSONValue]) -> FieldPathElement {
    FieldPathElement(text: "k:" + JSONValue.object(keys).text)
  }

  public static func value(_ value: JSONValue) -> FieldPathElement { FieldPathElement(text: "v:" + value.text) }

  public static func index(_ index: Int) -> FieldPathElement { FieldPathElement(text: "i:\(index)") }

  /// The name of a field; nil for an element of a list.
  public var fieldName: String? { text.hasPrefix("f:") ? String(text.dropFirst(2)) : nil }

  public static func < (left: FieldPathElement, right: FieldPathElement) -> Bool { left.text < right.text }

  /// - Returns: nil for an element of a kind that is not known, which readers pass over, as Kubernetes has it.
  /// - Throws: `FieldsV1Error` for what is no element at all.
  init?(fieldsV1 text: String) throws(FieldsV1Error) {
    let content = text.dropFirst(2)
    guard text.prefix(2).last == ":" else { throw FieldsV1Error(element: text) }
    switch text.first {
    case "f": self.init(text: text)
    case "k":
      guard let keys = try? JSONValue(parsing: String(content)).object, !keys.isEmpty else {
        throw FieldsV1Error(element: text)
      }
      self = .keys(keys)
    case "v":
      guard let value = try? JSONValue(parsing: String(content)) else { throw FieldsV1Error(element: text) }
      self = .value(value)
    case "i":
      guard let index = Int(content), index >= 0 else { throw FieldsV1Error(element: text) }
      self = .index(index)
    default: return nil
    }
  }
}

extension FieldPathElement: CustomStringConvertible {
  /// As conflicts name it: `.spec`, `[type="Ready"]`, `[="example.com/kept"]`, `[0]`.
  public var description: String {
    let content = String(text.dropFirst(2))
    switch text.first {
    case "f": return "." + content
    case "k":
      let keys = (try? JSONValue(parsing: content))?.object ?? [:]
      return "[\(keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))]"
    case "v": return "[=\(content)]"
    default: return "[\(content)]"
    }
  }
}
