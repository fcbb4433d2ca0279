/// A set of paths: whole ones, and those that end in `*` for all that begin with what stands before it.
public struct PathPatterns: Sendable, Hashable {
  public var patterns: [String]

  public init(_ patterns: [String]) { self.patterns = patterns }

  public func contains(_ path: String) -> Bool {
    patterns.contains { $0.hasSuffix("*") ? path.hasPrefix($0.dropLast()) : path == $0 }
  }
}
