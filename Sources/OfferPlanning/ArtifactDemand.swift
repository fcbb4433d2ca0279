import Cryptography
public import DeploymentKinds
public import FleetProtocol
public import ReleaseManifest
public import WireFormats

/// The artifact of a release that this customer needs, and what tells it from any other.
public struct ArtifactDemand: Sendable, Hashable {
  /// Without a `v` before it; fit for a part of a path.
  public var version: String
  public var runtime: DeploymentRuntimeKind
  /// 64 lower-case hexadecimal digits.
  public var sha256: String
  /// The vendor's signed release manifest, as it came.
  public var manifest: String?

  public static let maximumVersionBytes = 64
  /// What a report may name.
  static let maximumReleaseIDBytes = 128

  /// - Throws: `OfferRefusal` where the offer holds none, or says what no release may be called.
  public init(_ offer: ReleaseOffer, runtime: DeploymentRuntimeKind) throws(OfferRefusal) {
    let version = try Self.version(offer.version)
    guard offer.releaseID.utf8.count <= Self.maximumReleaseIDBytes else {
      throw OfferRefusal(
        .invalidOffer, "the id of the release \(version) has more than \(Self.maximumReleaseIDBytes) bytes")
    }
    let (text, name) =
      switch runtime {
      case .helm: (offer.chartSha256, "Helm chart")
      case .compose: (offer.composeSha256, "Compose bundle")
      }
    guard let text else {
      throw OfferRefusal(
        .noArtifact,
        "the release \(version) has no \(name), which this customer is deployed with: ask the vendor for one")
    }
    guard let digest = SHA256Digest(hexadecimal: text) else {
      throw OfferRefusal(.invalidOffer, "the digest of the \(name) \(version) is not 64 hexadecimal digits")
    }
    self.version = version
    self.runtime = runtime
    sha256 = digest.hexadecimal
    manifest = offer.manifest
  }

  private static func version(_ text: String) throws(OfferRefusal) -> String {
    let plain = text.hasPrefix("v") ? String(text.dropFirst()) : text
    // Without upper case: two names that are one file on some disks.
    guard plain.utf8.count <= maximumVersionBytes, !plain.hasPrefix("v"), SemanticVersion(plain) != nil,
      !plain.utf8.contains(where: { (0x41...0x5A).contains($0) })
    else {
      throw OfferRefusal(
        .invalidVersion,
        "\"\(ReportText.cleaned(String(text.prefix(80))))\" is not a semantic version such as 2.3.0 or 2.4.0-rc.1")
    }
    return plain
  }

  /// Checks what the vendor signed, where a trust root says whose signatures count. The Agent checks it again with a root of
  /// its own, and alone decides; here nothing is offered to admins that it would refuse.
  /// - Returns: how many bytes the artifact has; nil where no trust root is configured.
  /// - Throws: `TrustError`.
  public func signedByteCount(under root: TrustRoot?, now: Timestamp) throws(TrustError) -> Int64? {
    guard let root else { return nil }
    guard let manifest else {
      throw TrustError(
        .releaseNotSigned,
        "the release \(version) carries no signed manifest, and a trust root is configured: the vendor has to sign it")
    }
    let verified = try VerifiedManifest(checking: manifest, under: root)
    let signed = verified.manifest
    guard signed.product == root.product else {
      throw TrustError(
        .otherProduct,
        "the manifest of \(version) is for the product \(signed.product), and the trust root for \(root.product)")
    }
    guard !root.revokedReleases.contains(verified.digest), signed.sequence >= root.minimumSequence else {
      throw TrustError(.revoked, "the release \(version) is withdrawn by version \(root.version) of the trust root")
    }
    guard now < root.expires else {
      throw TrustError(
        .rootExpired,
        "version \(root.version) of the trust root has expired on \(root.expires): the vendor has to issue the next one"
      )
    }
    guard now < signed.expires else {
      throw TrustError(
        .expired, "the manifest of \(version) has expired on \(signed.expires): the vendor has to sign it anew")
    }
    guard SemanticVersion(signed.version) == SemanticVersion(version) else {
      throw TrustError(.disagreement, "the release is offered as \(version), and its manifest is of \(signed.version)")
    }
    guard let artifact = signed.artifact(for: runtime == .helm ? .helm : .compose) else {
      throw TrustError(.disagreement, "the manifest of \(version) names no artifact for \(runtime.rawValue)")
    }
    guard artifact.sha256.lowercased() == sha256 else {
      throw TrustError(
        .disagreement,
        "the artifact of \(version) is offered with the digest \(sha256), and its manifest names \(artifact.sha256)")
    }
    return artifact.size
  }
}

/// Why an offer is nothing that this customer can take.
public struct OfferRefusal: Error, Sendable, Hashable {
  /// As reports name it.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    case invalidOffer = "InvalidOffer"
    case invalidVersion = "InvalidVersion"
    /// The release has none for this customer's deployment type.
    case noArtifact = "NoArtifact"
    /// Another release of that version came before, with another content.
    case versionReused = "VersionReused"
    case tooManyOffers = "TooManyOffers"
  }

  public var reason: Reason
  /// What is wrong, and what to do.
  public var message: String

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
}
