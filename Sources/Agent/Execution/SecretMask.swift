import FoundationEssentials

/// Takes the values of an `.env` file out of text that others wrote, as they are and as others encode them.
struct SecretMask: Sendable {
  /// Longest first, so that no value uncovers part of another.
  private let secrets: [String]

  /// - Parameters:
  ///   - values: of one with several lines, such as a key in PEM, each line is a secret too: others tell it line by line.
  ///   - publicTexts: what may be shown anyway, such as image references: a value that stands in one of them is no secret.
  init(values: [String], publicTexts: [String] = []) {
    let lines = values.flatMap { value in
      value.split(whereSeparator: \.isNewline).map { String($0.trimmingSpace) }
    }.filter { $0.count >= Self.shortestLine }
    let whole = values.filter { $0.count >= Self.shortestValue }
    let secret = Set(whole + lines).filter { value in
      !publicTexts.contains { $0.contains(value) }
    }
    secrets = secret.union(secret.flatMap(Self.encodings)).sorted { ($0.count, $0) > ($1.count, $1) }
  }

  /// What is shorter is guessed sooner than found, and would blacken every other word.
  private static let shortestValue = 4
  /// One line of several is often a word of the format.
  private static let shortestLine = 12

  func masked(_ text: String) -> String {
    secrets.reduce(text) { $0.replacing($1, with: "***") }
  }
}

/// Reads the values of an `.env` file, only to know what must not be shown.
enum EnvironmentFile {
  /// Each as it is written and, where that differs, as Compose reads it. A quoted one may go over several lines.
  static func values(in text: String) -> [String] {
    var values: [String] = []
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...]
    while let line = lines.popFirst() {
      guard !line.drop(while: \.isWhitespace).hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
      let value = line[line.index(after: equals)...].trimmingSpace
      if let quote = value.first, quote == "\"" || quote == "'" {
        let quoted = Self.quoted(value.dropFirst(), by: quote, &lines)
        values.append(quoted)
        if quoted.contains("\\") { values.append(Self.unescaped(quoted)) }
      } else {
        values.append(String(value))
        // An unquoted value ends at a comment.
        if let comment = value.firstRange(of: " #") {
          values.append(String(value[..<comment.lowerBound].trimmingSpace))
        }
      }
    }
    return values
  }

  /// Up to the closing quote, which may stand in a later line; where there is none, the first line alone.
  private static func quoted(
    _ start: Substring, by quote: Character, _ lines: inout ArraySlice<Substring>
  ) -> String {
    if let end = end(of: start, quote) { return String(start[..<end]) }
    for (offset, line) in lines.enumerated() {
      guard let end = end(of: line, quote) else { continue }
      let between = lines.prefix(offset)
      lines = lines.dropFirst(offset + 1)
      return ([start] + between + [line[..<end]]).joined(separator: "\n")
    }
    return String(start)
  }

  private static func end(of text: Substring, _ quote: Character) -> String.Index? {
    var isEscaped = false
    for index in text.indices {
      if isEscaped {
        isEscaped = false
      } else if text[index] == "\\" {
        isEscaped = true
      } else if text[index] == quote {
        return index
      }
    }
    return nil
  }

  /// Knows `\n`, `\r`, `\t`, and a backslash before any other character as that character.
  private static func unescaped(_ text: String) -> String {
    var output = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        isEscaped = false
        switch character {
        case "n": output.append("\n")
        case "r": output.append("\r")
        case "t": output.append("\t")
        default: output.append(character)
        }
      } else if character == "\\" {
        isEscaped = true
      } else {
        output.append(character)
      }
    }
    return output
  }
}

extension Substring {
  fileprivate var trimmingSpace: Substring {
    var text = drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
