import ComposeBundles
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
