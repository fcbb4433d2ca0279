/// How log records are written.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
  /// One JSON object a line, for programs.
  case json
  /// One line of plain words, for people.
  case text

  /// Nil where `name` is neither `json` nor `text`; upper and lower case are the same.
  public init?(name: String) { self.init(rawValue: name.lowercased()) }
}
