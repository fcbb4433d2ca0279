import ComposeBundles
import Observability
import WireFormats

/// Takes secrets out of what goes to people outside: those that are known, those that their names give away, and those that look like
/// one. Rather a word too many than one too few.
struct SupportMask: Sendable {
  static let replacement = "***"

  private let known: SecretMask

  /// - Parameter values: secrets that are known, such as the token in use and what an `.env` file holds.
  init(values: [String] = []) { known = SecretMask(values: values) }

  // MARK: Objects

  func masked(_ value: JSONValue) -> JSONValue { masked(value, depth: 0) }

  private func masked(_ value: JSONValue, depth: Int) -> JSONValue {
    guard depth < 64 else { return .string(Self.replacement) }
    switch value {
    case .string(let text): return .string(masked(text))
    case .array(let elements): return .array(elements.map { masked($0, depth: depth + 1) })
    case .object(let members):
      // A setting is `{"key": NAME, "value": …}`, and so is a variable of a container.
      let name = members["key"]?.string ?? members["name"]?.string
      let isSecretPair = members["value"] != nil && name.map(SecretText.isSecret(name:)) == true
      var result: [String: JSONValue] = [:]
      for (key, member) in members {
        let isSecret = SecretText.isSecret(name: key) || isSecretPair && key == "value"
        result[masked(key)] = isSecret ? Self.hidden(member) : masked(member, depth: depth + 1)
      }
      return .object(result)
    case .null, .bool, .integer, .number: return value
    }
  }

  /// That there is none, or whether there is, is no secret.
  private static func hidden(_ value: JSONValue) -> JSONValue {
    switch value {
    case .null, .bool: value
    default: .string(replacement)
    }
  }

  // MARK: Texts

  func masked(_ text: String) -> String {
    var scanner = SecretScanner(Self.withoutKeys(known.masked(text)))
    let masked = SecretText.redacted(scanner.masked())
    return masked.contains("[") ? masked.replacing(SecretText.replacement, with: Self.replacement) : masked
  }

  /// Without blocks in PEM, also where their line breaks are escaped. One whose end is missing goes to the end, and one whose
  /// beginning is, as in a log that was cut, from the beginning.
  static func withoutKeys(_ text: String) -> String {
    let (start, end) = (Array("-----BEGIN ".utf8), Array("-----END ".utf8))
    guard text.utf8.contains(UInt8(ascii: "-")), text.contains("-----") else { return text }
    let bytes = Array(text.utf8)
    var output: [UInt8] = []
    var copied = 0
    var isInside = false
    var position = 0
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "-") {
        if !isInside, bytes[position...].starts(with: start) {
          output += bytes[copied..<position] + replacement.utf8
          (copied, isInside) = (bytes.count, true)
        } else if bytes[position...].starts(with: end) {
          if !isInside { output = Array(replacement.utf8) }
          // After the five hyphens that close the line.
          var close = position + end.count
          while close < bytes.count, bytes[close] != UInt8(ascii: "-"), bytes[close] != UInt8(ascii: "\n") {
            close += 1
          }
          while close < bytes.count, bytes[close] == UInt8(ascii: "-") { close += 1 }
          (copied, position, isInside) = (close, close, false)
          continue
        }
      }
      position += 1
    }
    output += bytes[copied...]
    return String(decoding: output, as: UTF8.self)
  }
}

/// Finds values by the names before them, and what looks like a token by itself, in one pass over a text.
struct SecretScanner {
  private let bytes: [UInt8]
  private var output: [UInt8] = []
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func masked() -> String {
    output.reserveCapacity(bytes.count)
    while position < bytes.count {
      guard Self.isWord(bytes[position]) else {
        // What is escaped is no part of the word after it, as in JSON within a text.
        let count = isEscape(at: position) ? 2 : 1
        output += bytes[position..<position + count]
        position += count
        continue
      }
      let word = takeWord()
      if Self.looksSecret(word) {
        output += SupportMask.replacement.utf8
        continue
      }
      output += word
      if Self.isSecretName(word, after: output.dropLast(word.count).last) { maskValue() }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// A backslash and the letter of a line break, a tab or a quotation mark.
  private func isEscape(at index: Int) -> Bool {
    bytes[index] == UInt8(ascii: "\\") && index + 1 < bytes.count && "nrt\"'".utf8.contains(bytes[index + 1])
  }

  private mutating func takeWord() -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
    return bytes[start..<position]
  }

  /// Copies what stands between a name and its value, and masks the value; nothing where no value follows.
  private mutating func maskValue() {
    var next = position
    func byte(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }
    func skip(_ set: String, atMost limit: Int) {
      let end = next + limit
      while next < end, let found = byte(next), set.utf8.contains(found) { next += 1 }
    }
    // `NAME=`, `name: `, `"name": "`; quotation marks of JSON within JSON have backslashes before them.
    skip("\\\"'", atMost: 9)
    skip(" \t", atMost: 4)
    guard let separator = byte(next), separator == UInt8(ascii: "=") || separator == UInt8(ascii: ":") else { return }
    next += 1
    skip(" \t", atMost: 4)
    let opening = next
    skip("\\", atMost: 8)
    let quote = byte(next).flatMap { "\"'".utf8.contains($0) ? $0 : nil }
    let slashes = next - opening
    if quote != nil { next += 1 } else { next = opening }
    let start = next
    let end = quote.map { closing($0, slashes, from: start) } ?? wordEnd(from: start)
    guard end > start else { return }
    let value = String(decoding: bytes[start..<end], as: UTF8.self)
    if ["true", "false", "null"].contains(value) { return }
    output += bytes[position..<start] + Array(SupportMask.replacement.utf8)
    position = end
  }

  /// Where a value in quotation marks ends: before the mark with as many backslashes as the opening one. Without one, at the line's
  /// end.
  private func closing(_ quote: UInt8, _ slashes: Int, from start: Int) -> Int {
    var index = start
    var run = 0
    while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
      if bytes[index] == UInt8(ascii: "\\") {
        run += 1
      } else {
        if bytes[index] == quote, run <= slashes { return index - run }
        run = 0
      }
      index += 1
    }
    return index
  }

  private func wordEnd(from start: Int) -> Int {
    var index = start
    let ends = Array(" \t\r\n,;&}])\"'".utf8)
    // `Authorization: Bearer …` is two words.
    var words = 0
    while index < bytes.count {
      if ends.contains(bytes[index]) || isEscape(at: index) {
        let word = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
        guard words == 0, ["bearer", "basic", "digest", "hmac"].contains(word), bytes[index] == UInt8(ascii: " ") else {
          return index
        }
        words += 1
      }
      index += 1
    }
    return index
  }

  // MARK: Words

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func isSecretName(_ word: ArraySlice<UInt8>, after previous: UInt8?) -> Bool {
    guard word.count >= 2, word.count <= 128 else { return false }
    let name = String(decoding: word, as: UTF8.self)
    // Of a shared access signature, and of a URL that was signed.
    if name == "sig" || name.hasSuffix("Signature") {
      return previous == UInt8(ascii: "&") || previous == UInt8(ascii: "?")
    }
    return SecretText.isSecret(name: name) || name.lowercased().hasSuffix("accountkey")
  }

  /// A JSON web token, a token or session of this product, a key id of AWS.
  private static func looksSecret(_ word: ArraySlice<UInt8>) -> Bool {
    if word.count >= 20, word.starts(with: "eyJ".utf8), word.contains(UInt8(ascii: ".")) { return true }
    if word.count >= 20, ["wtk_", "wts_"].contains(where: { word.starts(with: $0.utf8) }) { return true }
    return word.count == 20 && (word.starts(with: "AKIA".utf8) || word.starts(with: "ASIA".utf8))
  }
}
