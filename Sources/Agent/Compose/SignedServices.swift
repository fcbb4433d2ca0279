import DeploymentPlanning
import ReleaseManifest

/// Which of the images that the vendor signed each service of a release's Compose file runs.
///
/// A service runs the image that the manifest lists for it; where it lists none for it, the one with the same path. The
/// registry is the customer's to choose, as a mirror (`.env`), and so is what a mirror puts before the path: neither is
/// compared. Whatever the Compose file, its tags and the settings say, the image is started by the signed digest.
struct SignedServices: Sendable {
  /// A service's image.
  struct Choice: Sendable, Hashable {
    var image: Manifest.Image
    /// What to ask the registry for: the repository as rendered, and the digest.
    var reference: String

    /// Names under which an engine may have the image without having pulled it from that repository, as after `docker load`.
    var localNames: [String] { [image.digest] + image.contentDigests }
  }

  let manifest: Manifest

  static let notInManifest = "ImageNotInManifest"

  /// - Throws: where nobody signed what the service would run.
  func choice(for service: ComposeService) throws(RuntimeFailure) -> Choice {
    guard let text = service.image else {
      throw failure(service, "names no image, so that the manifest of \(release) cannot list what it runs")
    }
    let rendered = ImageReference(text)
    let image = try entry(for: service, rendered)
    if let digest = rendered.digest, !image.covers(digest) {
      throw failure(
        service, "would run \(text), but the manifest of \(release) lists \(image.repository)@\(image.digest)")
    }
    return Choice(image: image, reference: "\(rendered.repository)@\(image.digest)")
  }

  private func entry(for service: ComposeService, _ rendered: ImageReference) throws(RuntimeFailure) -> Manifest.Image {
    let own = manifest.images.filter { $0.service == service.name }
    let listed = own.isEmpty ? manifest.images : own
    let samePath = listed.filter { $0.isNamed(by: rendered) }
    let found = samePath.isEmpty ? own : samePath
    guard let image = found.first else {
      throw failure(service, "would run \(rendered.description), which the manifest of \(release) does not list")
    }
    guard Set(found.map(\.digest)).count == 1 else {
      throw failure(
        service,
        """
        would run \(rendered.description), for which the manifest of \(release) lists several images \
        (\(found.map { "\($0.repository)@\($0.digest)" }.joined(separator: ", ")))
        """)
    }
    return image
  }

  private var release: String { "\(manifest.product) \(manifest.version)" }

  private func failure(_ service: ComposeService, _ what: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: Self.notInManifest,
      message: """
        Service \(service.name) \(what). Where the settings name the image, set them right; else the vendor has to \
        list it in the manifest and sign that anew
        """)
  }
}

extension SignedServices {
  /// What each service is started as.
  struct Selection: Sendable {
    /// By service.
    var choices: [String: Choice] = [:]
    /// What the engine is asked for, by service.
    var references: [String: String] = [:]
    /// Services whose recorded image is not what was signed, a sentence each.
    var warnings: [String] = []
  }

  /// - Parameter pinned: what ran as this release before, as it was recorded. A record is not signed: it counts where the
  ///   manifest covers it, else the service gets what was signed.
  func selection(
    for services: [ComposeService], pinned: [String: String]
  ) throws(RuntimeFailure) -> Selection {
    var selection = Selection()
    for service in services {
      let choice = try choice(for: service)
      selection.choices[service.name] = choice
      selection.references[service.name] = choice.reference
      guard let text = pinned[service.name] else { continue }
      let digest = text.hasPrefix("sha256:") ? text : ImageReference(text).digest
      if let digest, choice.image.covers(digest) {
        selection.references[service.name] = text
      } else {
        selection.warnings.append(
          """
          The record names the image \(text) of service \(service.name), which the manifest of \(release) does not \
          list; \(choice.reference) is used
          """)
      }
    }
    return selection
  }

  /// Compares what the engine has under a reference with what was signed.
  static func check(_ image: EngineImage, as choice: Choice, of service: String) throws(RuntimeFailure) {
    let known = [image.id] + image.repoDigests.compactMap { ImageReference($0).digest }
    guard !known.contains(where: choice.image.covers) else { return }
    throw RuntimeFailure(
      kind: .permanent, reason: Self.notInManifest,
      message: """
        The Docker engine has the image \(known.joined(separator: ", ")) for service \(service), but the release's \
        manifest lists \(choice.image.digest). Remove that image from the host (docker image rm), so that it is pulled anew
        """)
  }
}
