import Cryptography
import WireFormats

/// Reads the fields of one JSON object and remembers the first that is wrong, with its path. Fields that it is not asked for
/// are left alone, so that a newer program may add some.
struct PayloadReader {
  private let value: JSONValue
  private let path: String
  private(set) var fault: String?

  init(_ value: JSONValue, path: String = "") {
    self.value = value
    self.path = path
    if value.object == nil { fault = "\(path.isEmpty ? "it" : path) must be an object, not \(value.typeName)" }
  }

  func finish(_ title: String) throws(TrustError) {
    if let fault { throw TrustError(.malformed, "\(title) is not valid: \(fault)") }
  }

  private func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  mutating func refuse(_ name: String, _ problem: String) {
    if fault == nil { fault = "\(place(name)) \(problem)" }
  }

  func has(_ name: String) -> Bool { value[name].map { !$0.isNull } ?? false }

  mutating func string(_ name: String, _ length: ClosedRange<Int>) -> String {
    guard let text = value[name]?.string else {
      refuse(name, value[name] == nil ? "is missing" : "must be a string")
      return ""
    }
    guard length.contains(text.utf8.count) else {
      refuse(name, "must have from \(length.lowerBound) to \(length.upperBound) bytes, not \(text.utf8.count)")
      return ""
    }
    guard !text.unicodeScalars.contains(where: Self.misleads) else {
      refuse(name, "must not hold control characters, nor such as change the direction of writing")
      return ""
    }
    return text
  }

  /// What a terminal may obey, or what lets a person read something else than stands there.
  private static func misleads(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case ..<0x20, 0x7F...0x9F, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    default: false
    }
  }

  /// A string of a form that programs rely on.
  mutating func string(_ name: String, _ length: ClosedRange<Int>, _ form: TextForm) -> String {
    let text = string(name, length)
    if fault == nil, !form.accepts(text) { refuse(name, "must be \(form.meaning)") }
    return text
  }

  mutating func optionalString(_ name: String, _ length: ClosedRange<Int>, _ form: TextForm) -> String? {
    has(name) ? string(name, length, form) : nil
  }

  mutating func optionalString(_ name: String, _ length: ClosedRange<Int>) -> String? {
    has(name) ? string(name, length) : nil
  }

  mutating func integer(_ name: String, _ range: ClosedRange<Int64>, default standard: Int64? = nil) -> Int64 {
    if !has(name), let standard { return standard }
    guard let number = value[name]?.integer, range.contains(number) else {
      refuse(
        name,
        has(name)
          ? "must be a whole number from \(range.lowerBound) to \(range.upperBound)" : "is missing")
      return range.lowerBound
    }
    return number
  }

  mutating func bool(_ name: String, default standard: Bool) -> Bool {
    guard has(name) else { return standard }
    guard let flag = value[name]?.bool else {
      refuse(name, "must be true or false")
      return standard
    }
    return flag
  }

  mutating func time(_ name: String) -> Timestamp {
    let text = string(name, 1...40)
    // Times of other centuries are nobody's, and beyond the year 9999 they could not be written again.
    guard let moment = Timestamp(text), Self.times.contains(moment) else {
      refuse(name, "must be a time such as 2026-12-15T02:00:00Z")
      return Timestamp(seconds: 0)
    }
    return moment
  }

  /// The years 1970 to 9998.
  private static let times = Timestamp(seconds: 0)...Timestamp(seconds: 253_370_764_800)

  /// DSSE leaves the alphabet to the signer, and libraries pad both or only one.
  mutating func base64(_ name: String, _ length: ClosedRange<Int>) -> [UInt8] {
    guard let text = value[name]?.string else {
      refuse(name, value[name] == nil ? "is missing" : "must be a string")
      return []
    }
    guard let bytes = Base64.decode(text) ?? Self.decodeURLSafe(text) else {
      refuse(name, "is not valid base 64")
      return []
    }
    guard length.contains(bytes.count) else {
      refuse(
        name,
        length.count == 1
          ? "must hold \(length.lowerBound) bytes, not \(bytes.count)"
          : "must hold from \(length.lowerBound) to \(length.upperBound) bytes, not \(bytes.count)")
      return []
    }
    return bytes
  }

  private static func decodeURLSafe(_ text: String) -> [UInt8]? {
    guard text.utf8.last == UInt8(ascii: "=") else { return Base64.decode(text, alphabet: .urlSafe) }
    let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.count
    guard text.utf8.count.isMultiple(of: 4), text.utf8.count - digits <= 2 else { return nil }
    return Base64.decode(String(text.prefix(digits)), alphabet: .urlSafe)
  }

  mutating func strings(_ name: String, _ count: ClosedRange<Int>, _ form: TextForm) -> [String] {
    var texts: [String] = []
    for (index, element) in elements(name, count).enumerated() {
      let text = element.string ?? ""
      if !form.accepts(text) { refuse("\(name)[\(index)]", "must be \(form.meaning)") }
      texts.append(text)
    }
    return texts
  }

  /// An array of objects; without the field it is empty.
  mutating func objects<Element>(
    _ name: String, _ count: ClosedRange<Int>, _ read: (inout PayloadReader) -> Element
  ) -> [Element] {
    var found: [Element] = []
    for (index, element) in elements(name, count).enumerated() {
      var reader = PayloadReader(element, path: "\(place(name))[\(index)]")
      found.append(read(&reader))
      if fault == nil { fault = reader.fault }
    }
    return found
  }

  mutating func optionalObject<Element>(_ name: String, _ read: (inout PayloadReader) -> Element) -> Element? {
    guard has(name) else { return nil }
    var reader = PayloadReader(value[name] ?? .null, path: place(name))
    let found = read(&reader)
    if fault == nil { fault = reader.fault }
    return found
  }

  /// The members of an object whose values are objects, in the order of their names.
  mutating func members<Element>(
    _ name: String, _ count: ClosedRange<Int>, _ read: (String, inout PayloadReader) -> Element
  ) -> [Element] {
    guard has(name) else {
      if count.lowerBound > 0 { refuse(name, "is missing") }
      return []
    }
    guard let members = value[name]?.object, count.contains(members.count) else {
      refuse(name, "must be an object with from \(count.lowerBound) to \(count.upperBound) members")
      return []
    }
    var found: [Element] = []
    for (key, member) in members.sorted(by: { $0.key < $1.key }) {
      var reader = PayloadReader(member, path: "\(place(name)).\(key.prefix(100))")
      found.append(read(key, &reader))
      if fault == nil { fault = reader.fault }
    }
    return found
  }

  mutating func texts(
    _ name: String, _ count: ClosedRange<Int>, keys: TextForm, values: TextForm
  ) -> [String: String] {
    guard has(name) else { return [:] }
    guard let members = value[name]?.object, count.contains(members.count) else {
      refuse(name, "must be an object with at most \(count.upperBound) members")
      return [:]
    }
    var reader = PayloadReader(value[name] ?? .null, path: place(name))
    var found: [String: String] = [:]
    for key in members.keys.sorted() {
      if !keys.accepts(key) { reader.refuse(String(key.prefix(100)), "must have for its name \(keys.meaning)") }
      found[key] = reader.string(key, 0...256, values)
    }
    if fault == nil { fault = reader.fault }
    return found
  }

  private mutating func elements(_ name: String, _ count: ClosedRange<Int>) -> [JSONValue] {
    guard has(name) else {
      if count.lowerBound > 0 { refuse(name, "is missing") }
      return []
    }
    guard let elements = value[name]?.array, count.contains(elements.count) else {
      refuse(name, "must be a list of \(count.lowerBound) to \(count.upperBound) elements")
      return []
    }
    return elements
  }
}
