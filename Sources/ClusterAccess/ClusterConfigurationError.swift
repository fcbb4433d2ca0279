public import YAMLDocuments

/// Why no cluster can be reached with what is configured; never holds a secret.
public struct ClusterConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where it is wrong: nil where that is no place in a file.
  public var location: SourceLocation?
  /// What is wrong, and what to do.
  public var message: String

  public init(_ message: String, at location: SourceLocation? = nil) {
    self.location = location
    self.message = message
  }

  public var description: String { location.map { "\($0): \(message)" } ?? message }
}
