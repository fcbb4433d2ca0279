/// A container image reference: `[host[:port]/]path[:tag][@digest]`.
struct ImageReference: Sendable, Hashable {
  /// Everything before tag and digest.
  var repository: String
  var tag: String?
  /// `sha256:…`
  var digest: String?

  init(_ text: String) {
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

  /// False where a part is empty, as when a variable in it has no value.
  var isComplete: Bool {
    !repository.isEmpty && tag != "" && digest != ""
      && !repository.split(separator: "/", omittingEmptySubsequences: false).contains("")
  }

  /// The repository as the engine writes it in `RepoDigests`: without the default registry and its `library/`.
  var familiarRepository: String {
    var name = repository[...]
    for prefix in ["docker.io/", "index.docker.io/"] where name.hasPrefix(prefix) {
      name = name.dropFirst(prefix.count)
    }
    if name.hasPrefix("library/") { name = name.dropFirst("library/".count) }
    return String(name)
  }

  /// This reference pinned to what the engine found under it: to the registry's digest where there is one, else (an
  /// image that was never pulled nor pushed) to the image's id.
  func pinned(to image: EngineImage) -> String {
    if digest != nil { return description }
    for text in image.repoDigests {
      let candidate = ImageReference(text)
      if candidate.familiarRepository == familiarRepository, let digest = candidate.digest {
        return "\(repository):\(tag ?? "latest")@\(digest)"
      }
    }
    return image.id
  }

  var description: String {
    repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
  }
}
