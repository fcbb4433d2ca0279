/// A JSON value (RFC 8259) that keeps integers and fractions apart, as Kubernetes does.
///
/// Objects compare without regard to the order of their keys, and are written with their keys sorted, so that equal
/// values have equal bytes wherever bytes are signed, hashed or compared.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
}

extension JSONValue {
  /// The value under `key`, or nil where this is no object or has no such key. Setting nil removes the key; setting a
  /// key of anything but an object turns it into one.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members[key]
    }
    set {
      var members = object ?? [:]
      self = .null  // gives up this value's reference, so that the change below copies nothing
      members[key] = newValue
      self = .object(members)
    }
  }

  public var object: [String: JSONValue]? {
    if case .object(let members) = self { members } else { nil }
  }
  public var array: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }
  public var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }
  public var bool: Bool? {
    if case .bool(let flag) = self { flag } else { nil }
  }
  public var isNull: Bool { self == .null }

  /// The name of the value's JSON type, as error messages and OpenAPI use it.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
  public init(nilLiteral: ()) { self = .null }
}
