/// An image as Compose files and charts name it, `[host[:port]/]path[:tag][@digest]`, and where it is asked for.
struct RegistryReference: Hashable, CustomStringConvertible {
  /// As it was written, without tag and digest.
  var repository: String
  var tag: String?
  /// `sha256:…`
  var digest: String?

  /// Nil where a part is empty, as when a variable in it has no value.
  init?(_ text: String) {
    var rest = text[...]
    if let at = rest.firstIndex(of: "@") {
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
    let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(""), tag != "", digest != "", !text.contains(where: \.isWhitespace) else { return nil }
  }

  /// Where there is no host, it is Docker Hub.
  private var parts: (host: String?, path: String) {
    guard let slash = repository.firstIndex(of: "/") else { return (nil, "library/\(repository)") }
    let host = repository[..<slash]
    guard host.contains(".") || host.contains(":") || host == "localhost" else { return (nil, repository) }
    let path = repository[repository.index(after: slash)...]
    if host == "docker.io" || host == "index.docker.io" {
      return (nil, path.contains("/") ? String(path) : "library/\(path)")
    }
    return (String(host), String(path))
  }

  static let dockerHub = "registry-1.docker.io"

  /// With the port, where there is one.
  var host: String { parts.host ?? Self.dockerHub }

  /// Under `/v2/`.
  var path: String { parts.path }

  /// What the registry is asked for.
  var version: String { digest ?? tag ?? "latest" }

  /// Names the registry in Docker's configuration.
  var credentialKeys: [String] {
    guard let host = parts.host else { return ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] }
    return [host, "https://\(host)", "http://\(host)", "https://\(host)/v1/", "https://\(host)/v2/"]
  }

  var isLoopback: Bool {
    let host = host
    let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
    return name == "localhost" || name == "[::1]" || name.hasPrefix("127.")
  }

  var description: String { repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }
}
