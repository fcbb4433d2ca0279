public import ReleaseManifest

/// An image reference, and where it is asked for.
public struct RegistryReference: Hashable, Sendable, CustomStringConvertible {
  public var image: ImageReference

  /// Nil where a part is empty, as when a variable in it has no value.
  public init?(_ text: String) {
    image = ImageReference(text)
    guard image.isComplete else { return nil }
  }

  /// As it was written, without tag and digest.
  public var repository: String { image.repository }

  /// Nil for Docker Hub, which is meant where there is none.
  private var registry: String? {
    image.registry.flatMap { $0 == "docker.io" || $0 == "index.docker.io" ? nil : $0 }
  }

  public static let dockerHub = "registry-1.docker.io"

  /// With the port, where there is one.
  public var host: String { registry ?? Self.dockerHub }

  /// Under `/v2/`.
  public var path: String {
    guard registry == nil else {
      return image.registry.map { String(repository.dropFirst($0.count + 1)) } ?? repository
    }
    return image.path.contains("/") ? image.path : "library/\(image.path)"
  }

  /// What the registry is asked for.
  public var version: String { image.digest ?? image.tag ?? "latest" }

  /// Names the registry in Docker's configuration.
  var credentialKeys: [String] {
    guard let host = registry else { return ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] }
    return [host, "https://\(host)", "http://\(host)", "https://\(host)/v1/", "https://\(host)/v2/"]
  }

  public var isLoopback: Bool {
    let host = host
    let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
    // An address, and not a name that begins like one.
    return name == "localhost" || name == "[::1]"
      || name.hasPrefix("127.") && name.allSatisfy { $0.isNumber || $0 == "." }
  }

  public var description: String { image.description }
}
