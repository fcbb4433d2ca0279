import WireFormats

/// Why a body is refused: which field, and what would be right.
public struct ProtocolError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// Reads the fields of a body that came from outside. Fields that this version does not know are left alone: customers run
/// every version there ever was.
struct ProtocolReader {
  private let members: [String: JSONValue]

  init(_ body: JSONValue) throws(ProtocolError) {
    guard let members = body.object else { throw ProtocolError("the body must be a JSON object") }
    self.members = members
  }

  /// - Returns: nil where the field is absent or null.
  func text(_ name: String, maximumBytes: Int = 256) throws(ProtocolError) -> String? {
    switch members[name] ?? .null {
    case .null: return nil
    case .string(let text):
      guard text.utf8.count <= maximumBytes else {
        throw ProtocolError("\(name): must be at most \(maximumBytes) bytes")
      }
      guard !text.utf8.contains(0) else { throw ProtocolError("\(name): must not hold the character NUL") }
      return text
    case let other: throw ProtocolError("\(name): must be text, not \(other.typeName)")
    }
  }

  func requiredText(_ name: String, maximumBytes: Int = 256) throws(ProtocolError) -> String {
    guard let text = try text(name, maximumBytes: maximumBytes), !text.isEmpty else {
      throw ProtocolError("\(name): is missing")
    }
    return text
  }

  /// A version as it is compared: without the `v` that some programs put before it.
  func version(_ name: String) throws(ProtocolError) -> String? {
    guard let text = try text(name, maximumBytes: 128).map({ ReportText.cleaned($0) }) else { return nil }
    let rest = text.dropFirst()
    return text.first == "v" && rest.first?.isNumber == true ? String(rest) : text
  }

  /// Text for people, of any length: what is too long or unprintable is cut, never refused, since a report must not be lost
  /// for what somebody's log had in it.
  /// - Parameter maximumCharacters: of what is kept.
  func prose(
    _ name: String, maximumCharacters: Int = ReportText.maximumCharacters
  ) throws(ProtocolError) -> String? {
    switch members[name] ?? .null {
    case .null: return nil
    case .string(let text): return ReportText.cleaned(text, maximumCharacters: maximumCharacters)
    case let other: throw ProtocolError("\(name): must be text, not \(other.typeName)")
    }
  }

  func integer(_ name: String, _ range: ClosedRange<Int64>) throws(ProtocolError) -> Int64? {
    switch members[name] ?? .null {
    case .null: return nil
    case .integer(let number) where range.contains(number): return number
    case .integer: throw ProtocolError("\(name): must be from \(range.lowerBound) to \(range.upperBound)")
    case let other: throw ProtocolError("\(name): must be a whole number, not \(other.typeName)")
    }
  }

  func bool(_ name: String) throws(ProtocolError) -> Bool? {
    switch members[name] ?? .null {
    case .null: return nil
    case .bool(let value): return value
    case let other: throw ProtocolError("\(name): must be true or false, not \(other.typeName)")
    }
  }

  func time(_ name: String) throws(ProtocolError) -> Timestamp? {
    guard let text = try text(name) else { return nil }
    guard let time = Timestamp(text), Self.times.contains(time) else {
      throw ProtocolError("\(name): must be a time from 1970 to 9999 such as 2024-12-15T02:00:00Z")
    }
    return time
  }

  /// What every database can keep.
  private static let times = Timestamp(seconds: 0)...Timestamp(seconds: 253_402_300_799)

  func requiredTime(_ name: String) throws(ProtocolError) -> Timestamp {
    guard let time = try time(name) else { throw ProtocolError("\(name): is missing") }
    return time
  }

  func object(_ name: String) throws(ProtocolError) -> ProtocolReader? {
    guard let value = members[name], !value.isNull else { return nil }
    guard value.object != nil else { throw ProtocolError("\(name): must be an object, not \(value.typeName)") }
    return try ProtocolReader(value)
  }

  func array(_ name: String, maximumCount: Int) throws(ProtocolError) -> [JSONValue] {
    switch members[name] ?? .null {
    case .null: return []
    case .array(let elements) where elements.count <= maximumCount: return elements
    case .array: throw ProtocolError("\(name): must have at most \(maximumCount) elements")
    case let other: throw ProtocolError("\(name): must be an array, not \(other.typeName)")
    }
  }
}

/// Text of a customer's for people to read.
public enum ReportText {
  public static let maximumCharacters = 4_000

  /// Without secrets, without characters that a database refuses or a terminal obeys, and no longer than anybody reads: the
  /// end is kept, where logs say what went wrong.
  public static func cleaned(_ text: String) -> String { cleaned(text, maximumCharacters: maximumCharacters) }

  /// - Parameter maximumCharacters: of what is kept.
  static func cleaned(_ text: String, maximumCharacters: Int) -> String {
    // Before it is cut: half a secret is not known as one.
    let text = SecretText.redacted(text)
    let scalars = text.unicodeScalars.lazy.map { scalar -> Unicode.Scalar in
      switch scalar.value {
      case 0x0A, 0x09: scalar
      // Control characters, and those that turn the direction of a line for all that follows.
      case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: "\u{FFFD}"
      default: scalar
      }
    }
    let kept = Array(scalars.suffix(maximumCharacters))
    let isCut = text.unicodeScalars.count > kept.count
    return (isCut ? "…" : "") + String(String.UnicodeScalarView(kept))
  }
}
