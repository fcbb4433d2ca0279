import ReleaseManifest

/// The images that the vendor signed for a release: nothing else of it may run.
///
/// Of a repository the path counts, without the registry's host, in whose place a customer's mirror may stand, and without
/// Docker Hub's `library/`. Which image it is, the digest says: what a tag means the registry decides anew at each pull, also
/// long after a release was judged, so nothing is started by a tag alone.
struct SignedImages: Sendable, Hashable {
  /// The condition's.
  static let refusalReason = "ImageNotInManifest"

  private var version: String
  private var images: [Manifest.Image]
  /// References that stay as they run already.
  private var kept: Set<String> = []

  init(_ manifest: Manifest) {
    version = manifest.version
    images = manifest.images
  }

  /// With one more, which runs already: it is not started by what is looked at.
  func keeping(_ reference: String) -> SignedImages {
    var images = self
    images.kept.insert(reference)
    return images
  }

  /// What the chart is to be given, by the value that takes it.
  var digestValues: [String: String] {
    Dictionary(images.compactMap { image in image.digestValue.map { ($0, image.digest) } }) { _, last in last }
  }

  /// The image that a reference names; nil where the manifest lists none.
  func image(startedAs reference: String) -> Manifest.Image? { images(of: ImageReference(reference)).first }

  // MARK: What is rendered

  /// Why something must not be applied; nil where every image of it may run.
  func refusal(of uses: [ImageUse]) -> RuntimeFailure? {
    for use in uses {
      guard let problem = problem(with: use.image) else { continue }
      return .imageNotInManifest(
        "\(use.object), \(use.place), would start \(use.image): \(problem). If it belongs to the release, the vendor must "
          + "list it and sign again; if a setting names it, take that back")
    }
    return nil
  }

  private func problem(with reference: String) -> String? {
    if kept.contains(reference) { return nil }
    let image = ImageReference(reference)
    let candidates = images(of: image)
    guard !candidates.isEmpty else {
      return "the signed manifest of release \(version) lists no image \(image.path)"
    }
    if let digest = image.digest {
      return candidates.contains { $0.covers(digest) }
        ? nil : "the signed manifest of release \(version) lists \(image.path) with another digest"
    }
    let values = candidates.compactMap(\.digestValue)
    return values.isEmpty
      ? "it is named by tag, which another image may have tomorrow, and the manifest knows no value by which the chart takes "
        + "its digest"
      : "the chart takes the digest of it as \(values.joined(separator: ", ")), and starts it by tag nevertheless"
  }

  /// Below a mirror's own folders only by digest, which says whose image it is.
  private func images(of reference: ImageReference) -> [Manifest.Image] {
    let same = images.filter { ImageReference($0.repository).path == reference.path }
    return same.isEmpty && reference.digest != nil ? images.filter { $0.isNamed(by: reference) } : same
  }

  // MARK: What runs

  /// Why a container must not go on; nil where it may, and where nothing is known of it yet.
  func refusal(of running: RunningImage) -> RuntimeFailure? {
    let use = running.use
    if kept.contains(use.image) || running.imageID.isEmpty { return nil }
    let title = "\(use.object), \(use.place) of pod \(running.pod)"
    guard let digest = running.digest else {
      return .imageNotInManifest(
        "\(title), runs \(use.image) as \(running.imageID), which names no digest, so that it cannot be compared with the "
          + "signed manifest of release \(version): let the cluster's container runtime pull it from a registry")
    }
    let reference = ImageReference(use.image)
    let candidates = images(of: reference).filter { candidate in reference.digest.map(candidate.covers) ?? true }
    if candidates.contains(where: { $0.covers(digest) }) { return nil }
    return .imageNotInManifest(
      "\(title), runs \(digest) as \(use.image), which the signed manifest of release \(version) does not list: the "
        + "registry, or the node, has another image under that name than the vendor released. Put the vendor's there")
  }
}

/// What a container of a pod runs, by the word of the node.
struct RunningImage: Sendable, Hashable {
  var pod: String
  var use: ImageUse
  /// As in `status.containerStatuses`; empty until the image was pulled.
  var imageID: String

  /// `docker-pullable://repository@sha256:…`, `docker://sha256:…`, `repository@sha256:…` and a digest alone have one.
  var digest: String? {
    let text = imageID.firstRange(of: "://").map { imageID[$0.upperBound...] } ?? imageID[...]
    let digest = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text
    return ImageDigest.isValid(String(digest)) ? String(digest) : nil
  }
}

extension RuntimeFailure {
  fileprivate static func imageNotInManifest(_ message: String) -> RuntimeFailure {
    RuntimeFailure(kind: .permanent, reason: SignedImages.refusalReason, message: message)
  }
}
