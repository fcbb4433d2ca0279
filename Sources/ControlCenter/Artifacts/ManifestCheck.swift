import FleetPlanning
public import ReleaseManifest
import ResourceModel
public import WireFormats

/// Whether a release manifest that came from CI is one, and says what is there. Agents check it again, and alone
/// decide; here a mistake is seen before a release reaches anybody. It is kept as it came.
public struct ManifestCheck: Sendable {
  /// Nil where the signatures are not checked here.
  public var trustRoot: TrustRoot?
  public var now: @Sendable () -> Timestamp

  public init(trustRoot: TrustRoot?, now: @escaping @Sendable () -> Timestamp) {
    self.trustRoot = trustRoot
    self.now = now
  }

  /// - Throws: `invalid`, naming the field `manifest`, where it is not a manifest of this version.
  func manifest(_ text: String, version: ReleaseVersion) throws(StatusError) -> CheckedManifest {
    let checked: CheckedManifest
    do throws(TrustError) {
      checked = try read(text)
    } catch {
      throw StatusError(.invalid, "manifest: \(error.message)")
    }
    guard (try? ReleaseVersion(checked.manifest.version)) == version else {
      throw StatusError(
        .invalid,
        "manifest: it is of version \(ReleaseVersion.shown(checked.manifest.version)), and the request of \(version)")
    }
    return checked
  }

  private func read(_ text: String) throws(TrustError) -> CheckedManifest {
    guard let trustRoot else {
      let envelope = try Envelope(parsing: Array(text.utf8), expecting: .release)
      return CheckedManifest(manifest: try Manifest(payload: envelope.payload), digest: envelope.payloadSHA256)
    }
    let verified = try VerifiedManifest(checking: text, under: trustRoot)
    let manifest = verified.manifest
    guard manifest.product == trustRoot.product else {
      throw TrustError(
        .otherProduct, "it is for the product \(manifest.product), and the trust root for \(trustRoot.product)")
    }
    guard !trustRoot.revokedReleases.contains(verified.digest) else {
      throw TrustError(.revoked, "it is revoked by version \(trustRoot.version) of the trust root")
    }
    guard now() < manifest.expires else {
      throw TrustError(.expired, "it has expired on \(manifest.expires); have it signed anew")
    }
    return CheckedManifest(manifest: manifest, digest: verified.digest)
  }
}

struct CheckedManifest: Sendable, Hashable {
  var manifest: Manifest
  /// Of its payload: equal for the same manifest, whoever signed it.
  var digest: String

  /// - Throws: `invalid` where this artifact is not in it.
  func requireArtifact(_ type: ArtifactType, sha256: String, byteCount: Int) throws(StatusError) {
    guard let artifact = manifest.artifact(for: type.runtime) else {
      throw StatusError(.invalid, "manifest: it names no \(type.name)")
    }
    guard artifact.sha256.lowercased() == sha256 else {
      throw StatusError(
        .invalid, "manifest: it names the \(type.name) \(artifact.sha256), and the one that is there is \(sha256)")
    }
    guard artifact.size == Int64(byteCount) else {
      throw StatusError(
        .invalid, "manifest: it says that the \(type.name) has \(artifact.size) bytes, and it has \(byteCount)")
    }
  }
}
