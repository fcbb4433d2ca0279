public import Logging
public import WireFormats

/// One log record, ready to be written: its fields are flat, bounded and free of secrets.
public struct LogRecord: Sendable, Hashable {
  /// The value of a field.
  public enum Value: Sendable, Hashable {
    case text(String)
    /// A number or a flag, which needs no quotation marks.
    case literal(String)
    case list([Value])
  }

  public struct Field: Sendable, Hashable {
    public var name: String
    public var value: Value

    public init(name: String, value: Value) {
      self.name = name
      self.value = value
    }
  }

  /// The longest text of a field or message, in bytes; what is longer is cut and says so.
  public static let maximumTextLength = 4096

  public var time: Timestamp
  public var level: Logger.Level
  public var label: String
  public var message: String
  /// Sorted by name.
  public var fields: [Field]

  /// Flattens `metadata`: `["a": ["b": "c"]]` becomes the field `a.b`.
  public init(time: Timestamp, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
    self.time = time
    self.level = level
    self.label = label
    self.message = Self.bounded(message)
    self.fields = []
    flatten(metadata, prefix: "")
    fields.sort { $0.name < $1.name }
  }

  private static let reservedNames: Set<String> = ["time", "level", "logger", "msg"]

  private mutating func flatten(_ metadata: Logger.Metadata, prefix: String) {
    for (key, value) in metadata {
      let isReserved = prefix.isEmpty && Self.reservedNames.contains(key)
      let name = isReserved ? "field.\(key)" : prefix + key
      if case .dictionary(let inner) = value, !SecretText.isSecret(name: key) {
        flatten(inner, prefix: name + ".")
      } else {
        fields.append(Field(name: Self.bounded(name), value: Self.value(value, name: key)))
      }
    }
  }

  private static func value(_ value: Logger.MetadataValue, name: String) -> Value {
    guard !SecretText.isSecret(name: name) else { return .text(SecretText.replacement) }
    switch value {
    case .string(let text): return .text(bounded(text))
    case .stringConvertible(let number as any BinaryInteger): return .literal("\(number)")
    case .stringConvertible(let number as Double) where number.isFinite: return .literal("\(number)")
    case .stringConvertible(let flag as Bool): return .literal("\(flag)")
    case .stringConvertible(let value): return .text(bounded(value.description))
    case .array(let elements): return .list(elements.map { Self.value($0, name: name) })
    case .dictionary: return .text(bounded(value.description))
    }
  }

  private static func bounded(_ text: String) -> String {
    let safe = SecretText.redacted(text)
    guard safe.utf8.count > maximumTextLength else { return safe }
    var end = safe.utf8.index(safe.startIndex, offsetBy: maximumTextLength)
    while end.samePosition(in: safe.unicodeScalars) == nil { end = safe.utf8.index(before: end) }
    return safe[..<end] + "… (\(safe.utf8[end...].count) bytes more)"
  }
}
