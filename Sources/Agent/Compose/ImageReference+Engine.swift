import ReleaseManifest

extension ImageReference {
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
}
