/// A set of paths: whole ones, and those that end in `*` for all that begin with what stands before it. Before the end, `*` stands for
/// one part of a path.
public struct PathPatterns: Sendable, Hashable {
  public var patterns: [String]

  public init(_ patterns: [String]) { self.patterns = patterns }

  public func contains(_ path: String) -> Bool {
    patterns.contains { Self.matches(path[...], $0[...]) }
  }

  private static func matches(_ path: Substring, _ pattern: Substring) -> Bool {
    guard let star = pattern.firstIndex(of: "*") else { return path == pattern }
    let (before, after) = (pattern[..<star], pattern[star...].dropFirst())
    guard path.hasPrefix(before) else { return false }
    if after.isEmpty { return true }
    let rest = path.dropFirst(before.count)
    let part = rest.prefix { $0 != "/" }
    return !part.isEmpty && matches(rest.dropFirst(part.count), after)
  }
}
