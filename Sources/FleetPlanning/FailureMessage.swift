/// What a failure's message has in common with those of others: what differs from customer to customer is replaced.
public enum FailureMessage {
  public static let maximumCharacters = 240

  /// Times become `<time>`, UUIDs, digests and generated names `<id>`, quoted names `<name>`, numbers `<n>`; white space is
  /// one space, and what is long is cut.
  public static func normalized(_ message: String) -> String {
    var scanner = Scanner(Array(message.unicodeScalars))
    return scanner.normalized()
  }

  private struct Scanner {
    let scalars: [Unicode.Scalar]
    var position = 0
    var result = ""
    var count = 0

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    mutating func normalized() -> String {
      while position < scalars.count, count < maximumCharacters {
        let scalar = scalars[position]
        if scalar.properties.isWhitespace || scalar.value < 0x20 {
          if let last = result.unicodeScalars.last, last != " " { add(" ") }
          position += 1
        } else if let end = quotedEnd() {
          add("<name>")
          position = end
        } else if isWord(scalar) {
          word()
        } else {
          result.unicodeScalars.append(scalar)
          count += 1
          position += 1
        }
      }
      if result.unicodeScalars.last == " " { result.unicodeScalars.removeLast() }
      return position < scalars.count ? result + "…" : result
    }

    private mutating func add(_ text: String) {
      result += text
      count += text.count
    }

    /// After the closing quotation mark; nil where no quoted name is here.
    private func quotedEnd() -> Int? {
      let quotes: [Unicode.Scalar: Unicode.Scalar] = ["\"": "\"", "'": "'", "`": "`", "“": "”", "‘": "’"]
      guard let closing = quotes[scalars[position]] else { return nil }
      // An apostrophe stands after a letter.
      if position > 0, isWord(scalars[position - 1]) { return nil }
      let limit = min(scalars.count, position + 200)
      var index = position + 1
      while index < limit, scalars[index] != "\n" {
        if scalars[index] == closing, index > position + 1 { return index + 1 }
        index += 1
      }
      return nil
    }

    private func isWord(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.value {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      case 0x80...: scalar.properties.isAlphabetic
      default: false
      }
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }

    private func isHex(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.value {
      case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
      default: false
      }
    }

    private mutating func word() {
      for (pattern, name) in Self.patterns {
        guard let end = match(pattern), end == scalars.count || name == "<time>" || !isWord(scalars[end]) else {
          continue
        }
        add(name)
        position = end
        if name == "<time>" { skipRestOfTime() }
        return
      }
      let start = position
      while position < scalars.count, isWord(scalars[position]) { position += 1 }
      let word = scalars[start..<position]
      let digits = word.count(where: isDigit)
      let letters = word.prefix { !isDigit($0) }
      if digits == 0 {
        add(word.count >= 16 && word.allSatisfy(isHex) ? "<id>" : text(word))
      } else if digits == word.count {
        add("<n>")
      } else if letters.count + digits == word.count || word.count < 5 {
        // A word with a number after it, such as `http2`, or a unit after a number, such as `30s`.
        numbers(word)
      } else {
        add("<id>")
      }
    }

    /// The word with its runs of digits replaced.
    private mutating func numbers(_ word: ArraySlice<Unicode.Scalar>) {
      var isInNumber = false
      for scalar in word {
        if isDigit(scalar) {
          if !isInNumber { add("<n>") }
          isInNumber = true
        } else {
          result.unicodeScalars.append(scalar)
          count += 1
          isInNumber = false
        }
      }
    }

    private func text(_ word: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(word)) }

    /// `x` is a hexadecimal digit, `d` a digit, `T` the letter or a space.
    private static let patterns: [(pattern: [Character], name: String)] = [
      (Array("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"), "<id>"), (Array("dddd-dd-ddTdd:dd:dd"), "<time>"),
      (Array("dddd-dd-dd"), "<time>"), (Array("dd:dd:dd"), "<time>"),
    ]

    private func match(_ pattern: [Character]) -> Int? {
      guard position + pattern.count <= scalars.count else { return nil }
      for (offset, expected) in pattern.enumerated() {
        let scalar = scalars[position + offset]
        let fits =
          switch expected {
          case "x": isHex(scalar)
          case "d": isDigit(scalar)
          case "T": scalar == "T" || scalar == "t" || scalar == " "
          default: scalar == expected.unicodeScalars.first
          }
        guard fits else { return nil }
      }
      return position + pattern.count
    }

    /// The fraction and the offset of a time.
    private mutating func skipRestOfTime() {
      if position + 1 < scalars.count, scalars[position] == "." || scalars[position] == ",",
        isDigit(scalars[position + 1])
      {
        position += 1
        while position < scalars.count, isDigit(scalars[position]) { position += 1 }
      }
      if position < scalars.count, scalars[position] == "Z" || scalars[position] == "z" {
        position += 1
      } else if let end = match(Array("+dd:dd")) ?? match(Array("-dd:dd")) {
        position = end
      }
    }
  }
}
