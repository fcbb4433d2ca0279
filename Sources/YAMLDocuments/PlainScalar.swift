import WireFormats

/// What a scalar without quotation marks means, as `sigs.k8s.io/yaml` reads it.
enum PlainScalar {
  case value(JSONValue)
  case notFinite
  case outOfRange

  init(_ text: String) {
    switch text {
    case "", "~", "null", "Null", "NULL": self = .value(.null)
    case "true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON": self = .value(true)
    case "false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF": self = .value(false)
    case ".nan", ".NaN", ".NAN": self = .notFinite
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF": self = .notFinite
    default: self = Self.number(text) ?? .value(.string(text))
    }
  }

  private static func number(_ text: String) -> PlainScalar? {
    guard let first = text.utf8.first, (0x2B...0x39).contains(first), first != 0x2C, first != 0x2F else { return nil }
    let plain = text.filter { $0 != "_" }
    if let integer = integer(plain) { return .value(.integer(integer)) }
    guard isDecimal(plain) else { return nil }
    guard let number = Double(plain), number.isFinite else { return .outOfRange }
    return .value(.number(number))
  }

  private static func integer(_ text: String) -> Int64? {
    var digits = Substring(text)
    var sign = ""
    if let first = digits.first, first == "-" || first == "+" {
      if first == "-" { sign = "-" }
      digits.removeFirst()
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2), ("0", 8)]
    where digits.hasPrefix(prefix) && digits.utf8.count > prefix.utf8.count {
      let rest = digits.dropFirst(prefix.count)
      guard let first = rest.first, first.isHexDigit else { return nil }
      return Int64(sign + rest, radix: radix)
    }
    guard let first = digits.first, first.isNumber else { return nil }
    return Int64(sign + digits)
  }

  /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isDecimal(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func takeDigits() -> Int {
      let count = rest.prefix { (0x30...0x39).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    func take(_ scalars: Unicode.Scalar...) -> Bool {
      guard let first = rest.first, scalars.contains(where: { UInt8(ascii: $0) == first }) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = take("-", "+")
    var digitCount = takeDigits()
    if take(".") { digitCount += takeDigits() }
    guard digitCount > 0 else { return false }
    if take("e", "E") {
      _ = take("-", "+")
      guard takeDigits() > 0 else { return false }
    }
    return rest.isEmpty
  }
}
