import FoundationEssentials

/// Takes the values of an `.env` file out of text that others wrote.
struct SecretMask: Sendable {
  /// Longest first, so that no value uncovers part of another.
  private let secrets: [String]

  /// - Parameter publicTexts: what may be shown anyway, such as image references: a value that stands in one of them is
  ///   no secret.
  init(values: [String], publicTexts: [String] = []) {
    secrets = Set(values).filter { value in
      value.count >= 4 && !publicTexts.contains { $0.contains(value) }
    }.sorted { ($0.count, $0) > ($1.count, $1) }
  }

  func masked(_ text: String) -> String {
    secrets.reduce(text) { $0.replacing($1, with: "***") }
  }
}

/// Reads the values of an `.env` file, only to know what must not be shown.
enum EnvironmentFile {
  static func values(in text: String) -> [String] {
    var values: [String] = []
    for line in text.split(whereSeparator: \.isNewline) {
      guard !line.drop(while: \.isWhitespace).hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
      var value = line[line.index(after: equals)...].trimmingSpace
      if let quote = value.first, quote == "\"" || quote == "'" {
        value = value.dropFirst()
        if let end = value.lastIndex(of: quote) { value = value[..<end] }
        values.append(String(value))
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
}

extension Substring {
  fileprivate var trimmingSpace: Substring {
    var text = drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
