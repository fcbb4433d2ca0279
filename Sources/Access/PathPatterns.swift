/// A set of paths: whole ones, and those that end in `*` for all that begin with what stands before it. Before the end, `*` stands for
/// one part of a path.
public struct PathPatterns: Sendable, Hashable {
  public var patterns: [String]

  public init(_ patterns: [String]) { self.patterns = patterns }

  public func contains(_ path: String) -> Bool {
    patterns.contains { Self.matches(path.utf8[...], $0.utf8[...]) }
  }

  private static func matches(_ path: Substring.UTF8View, _ pattern: Substring.UTF8View) -> Bool {
    guard let star = pattern.firstIndex(of: UInt8(ascii: "*")) else { return path.elementsEqual(pattern) }
    let (before, after) = (pattern[..<star], pattern[star...].dropFirst())
    guard path.starts(with: before) else { return false }
    if after.isEmpty { return true }
    let rest = path.dropFirst(before.count)
    let part = rest.prefix { $0 != UInt8(ascii: "/") }
    return !part.isEmpty && matches(rest.dropFirst(part.count), after)
  }
}
