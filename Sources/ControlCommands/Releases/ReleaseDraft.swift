import Cryptography
import ImageRegistries
import ReleaseManifest
import WireFormats

#if canImport(Glibc)
  import Glibc
#endif

/// What the parts of a release manifest are made of.
enum ReleaseDraft {
  /// The digest and size of a chart or bundle.
  static func artifact(
    _ path: String, _ runtime: ReleaseManifest.Manifest.Runtime
  ) throws(CommandFailure) -> ReleaseManifest.Manifest.Artifact {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      throw CommandFailure("\(printable(path)) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CommandFailure(
        "\(printable(path)) is not a file",
        hint: "Pack it first, as helm package or tar -czf does: what is signed are the bytes that customers get.")
    }
    guard status.st_size > 0 else { throw CommandFailure("\(printable(path)) is empty") }
    do throws(CryptographyError) {
      return .init(
        runtime: runtime, sha256: try SHA256.digest(ofFile: path).hexadecimal, size: Int64(status.st_size))
    } catch {
      throw CommandFailure("\(error)")
    }
  }

  /// Compares a chart with the release that it is to be.
  /// - Returns: what whoever signs should know.
  /// - Throws: where it is of another version. A chart may have a version of its own, beside that of what it deploys.
  static func compare(
    _ title: ChartImages.Title, of chart: String, product: String, version: String
  ) throws(CommandFailure) -> [String] {
    let versions = [title.version] + (title.appVersion.map { [$0] } ?? [])
    guard versions.contains(where: { comparable($0) == comparable(version) }) else {
      let own = title.appVersion.map { ", appVersion \(printable($0))" } ?? ""
      throw CommandFailure(
        """
        the chart \(printable(chart)) is \(printable(title.name)), version \(printable(title.version))\(own), and the \
        release is to be version \(printable(version))
        """, hint: "Give the chart of that version, or --version as the chart has it.")
    }
    guard title.name != product else { return [] }
    return ["the chart \(printable(chart)) is called \(printable(title.name)), and the product \(printable(product))"]
  }

  /// With or without a `v` before it and build metadata behind it, it is the same version.
  private static func comparable(_ version: String) -> Substring {
    let text = version.prefix { $0 != "+" }
    return text.first == "v" ? text.dropFirst() : text
  }

  /// Images by service and digest, each once.
  static func images(
    _ rendered: [RenderedImage], resolve: (RegistryReference) async throws(CommandFailure) -> RegistryClient.Resolved
  ) async throws(CommandFailure) -> [ReleaseManifest.Manifest.Image] {
    var known: [RegistryReference: RegistryClient.Resolved] = [:]
    var images: [ReleaseManifest.Manifest.Image] = []
    for image in rendered {
      guard let reference = RegistryReference(image.reference) else {
        throw CommandFailure(
          "the service \(printable(image.service)) runs \"\(printable(image.reference))\", which is not an image",
          hint: "A variable or value in it is empty: give it with --image-tag, --env or --values.")
      }
      let resolved: RegistryClient.Resolved
      if let found = known[reference] {
        resolved = found
      } else {
        resolved = try await resolve(reference)
        known[reference] = resolved
      }
      let found = images.firstIndex {
        $0.service == image.service && $0.repository == reference.repository && $0.digest == resolved.digest
      }
      if let found {
        images[found].digestValue = images[found].digestValue ?? image.digestValue
      } else {
        images.append(
          .init(
            service: image.service, repository: reference.repository, digest: resolved.digest,
            contentDigests: resolved.contentDigests, digestValue: image.digestValue))
      }
    }
    return images.sorted { ($0.service, $0.repository, $0.digest) < ($1.service, $1.repository, $1.digest) }
  }

  /// `KEY=DEFAULT` a line; empty lines and those that begin with # are left out.
  static func settings(
    _ bytes: [UInt8], file: String
  ) throws(CommandFailure) -> [ReleaseManifest.Manifest.Setting] {
    var settings: [ReleaseManifest.Manifest.Setting] = []
    let lines = String(decoding: bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      guard let first = line.first(where: { !$0.isWhitespace }), first != "#" else { continue }
      guard let assignment = Assignment(argument: String(line)) else {
        throw CommandFailure("\(printable(file)):\(index + 1): a setting is written KEY=DEFAULT")
      }
      settings.append(.init(key: assignment.name, value: assignment.value))
    }
    return settings
  }
}
