/// A word that the specification's tables write otherwise than the objects do: `webhookFailed` in the column is
/// `WebhookFailed` in the object.
public protocol ColumnWord: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  /// As the column has it.
  var columnWord: String { get }
}

extension ColumnWord {
  /// The column's word for what the object writes with a capital letter.
  public var columnWord: String { rawValue.prefix(1).lowercased() + rawValue.dropFirst() }

  /// Nil for what no column has.
  public init?(columnWord: String) {
    guard let word = Self.columnWords[columnWord] else { return nil }
    self.init(rawValue: word)
  }

  /// From the column's word to the object's.
  public static var columnWords: [String: String] {
    Dictionary(uniqueKeysWithValues: allCases.map { ($0.columnWord, $0.rawValue) })
  }
}
