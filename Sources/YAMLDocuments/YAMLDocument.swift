public import WireFormats

/// One document, and where each of its fields stands.
public struct YAMLDocument: Sendable {
  public let value: JSONValue
  let root: YAMLNode
  let file: String

  /// Where the document's content starts.
  public var location: SourceLocation { location(root.mark) }

  /// Where the field at `path` stands, so that a server's error can be shown in the file: `spec.artifact.sha256`,
  /// `spec.newNonEssentialEnvs[1].key`, `spec.imageTags[backend]`. For a field that is not there, the place of the
  /// deepest parent that is.
  public func location(ofField path: String) -> SourceLocation {
    var node = root
    var mark = root.mark
    for component in Self.components(of: path) {
      switch node.content {
      case .mapping(let members):
        guard let member = members[component] else { return location(mark) }
        (mark, node) = (member.keyMark, member.node)
      case .sequence(let elements):
        guard let index = Int(component), elements.indices.contains(index) else { return location(mark) }
        (mark, node) = (elements[index].mark, elements[index])
      case .scalar: return location(mark)
      }
    }
    return location(mark)
  }

  private func location(_ mark: YAMLMark) -> SourceLocation {
    SourceLocation(file: file, line: mark.line, column: mark.column)
  }

  /// The names of a path; what stands in brackets is one name, whatever dots it holds.
  private static func components(of path: String) -> [String] {
    var components: [String] = []
    var current = ""
    var isInBrackets = false
    for character in path {
      switch (character, isInBrackets) {
      case (".", false), ("[", false), ("]", true):
        if !current.isEmpty { components.append(current) }
        current = ""
        isInBrackets = character == "["
      default: current.append(character)
      }
    }
    if !current.isEmpty { components.append(current) }
    return components
  }
}

/// A line and a column, counted from 1.
struct YAMLMark: Sendable, Hashable {
  var line: Int
  var column: Int
}

/// A value with its place; aliases share the node of their anchor.
struct YAMLNode: Sendable {
  struct Member: Sendable {
    var keyMark: YAMLMark
    var node: YAMLNode
  }

  enum Content: Sendable {
    case scalar
    case sequence([YAMLNode])
    case mapping([String: Member])
  }

  var mark: YAMLMark
  var content: Content
  var value: JSONValue
  /// About how many bytes the value has when written out, aliases included.
  var weight: Int
}
