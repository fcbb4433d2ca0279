import Cryptography
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ReleaseManifest
import TestSupport
import WireFormats

/// The vendor of a test: it holds the keys, issues trust roots and signs releases of the images of the testbed.
struct SigningVendor: Sendable {
  let rootKey = Ed25519.PrivateKey()
  let releaseKey = Ed25519.PrivateKey()
  let timestampKey = Ed25519.PrivateKey()
  /// By the vendor's clock.
  var now: Timestamp

  init(now: Timestamp = Timestamp(seconds: Int64(Date().timeIntervalSince1970))) { self.now = now }

  // MARK: Roots

  func root(
    version: Int64 = 1, releaseKeys: [Ed25519.PrivateKey]? = nil, revoking revoked: Set<KeyID> = [],
    hasTimestamps: Bool = false
  ) -> TrustRoot {
    let release = (releaseKeys ?? [releaseKey]).map(\.publicKey)
    var keys = [rootKey.publicKey] + release
    var roles: [TrustRoot.Role: TrustRoot.Authority] = [
      .root: .init(keys: [rootKey.publicKey.id]), .release: .init(keys: Set(release.map(\.id))),
    ]
    if hasTimestamps {
      keys.append(timestampKey.publicKey)
      roles[.timestamp] = .init(keys: [timestampKey.publicKey.id])
    }
    return TrustRoot(
      product: "wrktalk", version: version, issuedAt: now + .seconds(-3600), expires: now + .seconds(365 * 86_400),
      keys: keys, roles: roles, revokedKeys: revoked)
  }

  func envelope(_ root: TrustRoot) -> String { sign(.root, root.payload, with: rootKey) }

  /// - Parameter age: seconds since it was issued.
  func timestamp(sequence: Int64, age: Int64, expires: Duration) -> String {
    let statement = TimestampStatement(
      product: "wrktalk", issuedAt: now + .seconds(-age), expires: now + expires, rootVersion: 1, sequence: sequence)
    return sign(.timestamp, statement.payload, with: timestampKey)
  }

  func sign(_ type: Envelope.PayloadType, _ payload: [UInt8], with key: Ed25519.PrivateKey) -> String {
    var envelope = Envelope(payloadType: type, payload: payload)
    envelope.sign(with: key)
    return envelope.text
  }

  // MARK: Releases

  /// What is true of a release whose services all run the images of one tag.
  func manifest(
    version: String, sequence: Int64, tag: String, runtime: Manifest.Runtime = .compose,
    artifact: DesiredDeploymentSpec.Artifact, at file: String, services: [String] = ["backend", "media"]
  ) async throws -> Manifest {
    let size = try Data(contentsOf: URL(filePath: file)).count
    var images: [Manifest.Image] = []
    for service in services {
      let repository = "\(try Testbed.location(of: .images))/\(service)"
      images.append(
        Manifest.Image(
          service: service, repository: repository, digest: try await Self.digest(of: "\(repository):\(tag)"),
          contentDigests: [try await Self.imageID(of: "\(repository):\(tag)")],
          digestValue: runtime == .helm ? "\(service).image.digest" : nil))
    }
    return Manifest(
      product: "wrktalk", version: version, sequence: sequence, issuedAt: now + .seconds(-600),
      expires: now + .seconds(90 * 86_400),
      artifacts: [.init(runtime: runtime, sha256: artifact.sha256, size: Int64(size))], images: images,
      imageTags: Dictionary(uniqueKeysWithValues: services.map { ($0, tag) }))
  }

  func envelope(_ manifest: Manifest, signedWith key: Ed25519.PrivateKey? = nil) -> String {
    sign(.release, manifest.payload, with: key ?? releaseKey)
  }

  /// The digest by which the registry knows what a tag names now.
  private static func digest(of reference: String) async throws -> String {
    let found = try await CustomerEnvironment.command(
      "sh", "-c",
      "docker pull -q \(reference) >/dev/null && docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' \(reference)"
    )
    let repository = reference.split(separator: ":").dropLast().joined(separator: ":")
    guard let line = found.split(separator: "\n").first(where: { $0.hasPrefix("\(repository)@") }) else {
      throw ProgramError(description: "no digest of \(reference): \(found)")
    }
    return String(line.dropFirst(repository.count + 1))
  }

  private static func imageID(of reference: String) async throws -> String {
    try await CustomerEnvironment.command("docker", "image", "inspect", "-f", "{{.Id}}", reference)
  }
}
