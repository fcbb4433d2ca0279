/// A container image reference: `[registry/]path[:tag][@digest]`, as charts and Compose files have it.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
  /// Everything before tag and digest.
  public var repository: String
  public var tag: String?
  /// `sha256:…`
  public var digest: String?

  public init(_ text: String) {
    var rest = text[...]
    if let at = rest.lastIndex(of: "@") {
      digest = String(rest[rest.index(after: at)...])
      rest = rest[..<at]
    }
    // A colon before the last slash belongs to the registry's port.
    let path = rest.lastIndex(of: "/").map { rest.index(after: $0) } ?? rest.startIndex
    if let colon = rest[path...].firstIndex(of: ":") {
      tag = String(rest[rest.index(after: colon)...])
      rest = rest[..<colon]
    }
    repository = String(rest)
  }

  /// False where a part is empty, as when a variable in it has no value, or where it has characters that no part can have.
  public var isComplete: Bool {
    tag != "" && digest != "" && !repository.split(separator: "/", omittingEmptySubsequences: false).contains("")
      && !repository.contains("@") && !description.contains(where: \.isWhitespace)
  }

  /// The host that it names, with the port where there is one: the part before the first slash, if that can be a host.
  public var registry: String? {
    guard let slash = repository.firstIndex(of: "/") else { return nil }
    let host = repository[..<slash]
    return host == "localhost" || host.contains { $0 == "." || $0 == ":" } ? String(host) : nil
  }

  /// The repository without the registry, and without Docker Hub's `library/`: `wrktalk/backend` of
  /// `registry.example.com:5000/wrktalk/backend`.
  public var path: String {
    let path = registry.map { repository.dropFirst($0.count + 1) } ?? repository[...]
    return String(path.hasPrefix("library/") ? path.dropFirst("library/".count) : path)
  }

  public var description: String { repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }
}

extension Manifest.Image {
  /// Whether a reference names this image, in the vendor's registry or another, or in a mirror below folders of its own.
  public func isNamed(by reference: ImageReference) -> Bool {
    let path = ImageReference(repository).path
    return reference.path == path || reference.path.hasSuffix("/\(path)")
  }
}
