import Cryptography
public import DeploymentKinds
import ReleaseManifest
public import ResourceModel
import WireFormats

/// The release that an object asks for.
public enum DesiredRelease: Sendable, Hashable {
  case release(ReleasePlan)
  /// `rollbackTo` names a revision that the history does not hold any more, or never did.
  case revisionNotFound(Int64)
  /// Neither a version with an artifact nor `rollbackTo`: the server's validation lets no such object pass.
  case incomplete

  public init(spec: DesiredDeploymentSpec, status: DesiredDeploymentStatus?) {
    if let revision = spec.rollbackTo?.revision {
      if let current = status?.current, current.revision == revision {
        self = .release(current.plan)
      } else if let entry = status?.history?.first(where: { $0.revision == revision }) {
        self = .release(
          ReleasePlan(
            release: entry.release, pinnedImages: entry.images ?? [:],
            revision: RevisionReference(revision, manifestSha256: entry.manifestSha256)))
      } else {
        self = .revisionNotFound(revision)
      }
    } else if let version = spec.version, let artifact = spec.artifact {
      self = .release(
        ReleasePlan(
          release: .init(
            version: version, artifact: artifact, configPath: spec.configPath, valuesFrom: spec.helm?.valuesFrom,
            imageTags: spec.imageTags, releaseManifestSha256: spec.releaseManifestSha256)))
    } else {
      self = .incomplete
    }
  }
}

extension DesiredDeploymentSpec {
  /// Names what the manifest says, whoever signed it; one that cannot be read is named by its text.
  var releaseManifestSha256: String? {
    guard let manifest else { return nil }
    let text = Array(manifest.utf8)
    return (try? Envelope(parsing: text, expecting: .release))?.payloadSHA256 ?? SHA256.digest(of: text).hexadecimal
  }

  /// The bucket key of the `.env` or values file.
  public var configPath: String? {
    switch runtime {
    case .compose: compose?.envPath
    case .helm: helm?.valuesPath
    }
  }

  /// How long one attempt may take.
  public var timeout: Duration {
    let timeout =
      switch runtime {
      case .compose: compose?.timeout.duration
      case .helm: helm?.timeout.duration
      }
    return Self.within(.seconds(24 * 3600), timeout ?? .seconds(600))
  }

  /// How often the environment is looked at without any cause.
  var recheckInterval: Duration { Self.within(.seconds(24 * 3600), interval.duration) }

  /// The bounds that the server keeps, also for one that keeps none.
  private static func within(_ most: Duration, _ span: Duration) -> Duration { min(max(span, .seconds(1)), most) }

  /// The Compose project or Helm release; nil where the section of the spec is missing.
  public var targetName: String? {
    switch runtime {
    case .compose: compose?.projectName
    case .helm: helm?.releaseName
    }
  }

  /// What the record asks to be deployed to; nil where the section of the spec is missing.
  public var target: DesiredDeploymentStatus.Target? { targetName.map { .init(runtime: runtime, name: $0) } }
}

extension DesiredDeployment {
  /// The copies of settings under a version's name that a rollback of this record may need.
  public var keptConfigurations: Set<String> {
    let releases = (status?.history ?? []).map(\.release) + [status?.current?.release].compactMap(\.self)
    return Set(
      releases.compactMap { release in
        release.configPath.flatMap { VersionedConfigPath.isCopy($0, version: release.version) ? $0 : nil }
      })
  }

  /// What belongs to the record: what it has deployed to, or else asks to.
  public var target: DesiredDeploymentStatus.Target? { status?.target ?? spec.target }
}

extension DesiredDeploymentStatus.Target: CustomStringConvertible {
  /// `the Compose project wrktalk`
  public var description: String { "the \(runtime == .compose ? "Compose project" : "Helm release") \(name)" }
}

extension DesiredDeploymentStatus.Current {
  /// What brings it back.
  var plan: ReleasePlan { ReleasePlan(release: release, pinnedImages: images, revision: reference) }

  var reference: RevisionReference { RevisionReference(revision, manifestSha256: manifestSha256) }

  /// Service to image reference, pinned to its digest.
  public var images: [String: String] {
    Dictionary((services ?? []).map { ($0.name, $0.image) }) { first, _ in first }
  }
}

extension DesiredDeploymentStatus {
  /// The number of the next release that runs in full health, for a runtime that counts none itself.
  public var nextRevision: Int64 { max(current?.revision ?? 0, 0).addingSaturated(1) }
}

extension DesiredDeploymentStatus.Release {
  /// True where deploying `desired` would bring nothing new over this release, which was deployed before.
  public func satisfies(_ desired: Self) -> Bool {
    version == desired.version && artifact.sha256 == desired.artifact.sha256
      && releaseManifestSha256 == desired.releaseManifestSha256
      && (imageTags ?? [:]) == (desired.imageTags ?? [:]) && (valuesFrom ?? []) == (desired.valuesFrom ?? [])
      && (configPath == desired.configPath || isVersionedCopy(of: desired.configPath))
  }

  private func isVersionedCopy(of desired: String?) -> Bool {
    guard let configPath, let desired else { return false }
    return VersionedConfigPath.isCopy(configPath, of: desired, version: version)
  }
}

/// The name under which the `.env` of a version is kept for its rollback (spec §9.2): `config/.env.v2.3.0` for
/// `config/.env`. Where the file of that name holds other settings, the revision is added: `config/.env.v2.3.0.r12`.
public enum VersionedConfigPath {
  /// Nil where the path names a version already, or is no `.env` file.
  public static func path(for configPath: String, version: String, revision: Int64? = nil) -> String? {
    guard configPath == ".env" || configPath.hasSuffix("/.env") else { return nil }
    return "\(configPath).v\(version)" + (revision.map { ".r\($0)" } ?? "")
  }

  /// True for the copy of any `.env` file under the name of that version.
  static func isCopy(_ copy: String, version: String) -> Bool {
    let folders = copy.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return isCopy(copy, of: (folders + [".env"]).joined(separator: "/"), version: version)
  }

  /// True for the copy of that `.env` file under the name of that version.
  public static func isCopy(_ copy: String, of configPath: String, version: String) -> Bool {
    guard let versioned = path(for: configPath, version: version), copy.hasPrefix(versioned) else { return false }
    let rest = copy.dropFirst(versioned.count)
    return rest.isEmpty || (rest.hasPrefix(".r") && rest.count > 2 && rest.dropFirst(2).allSatisfy(\.isNumber))
  }
}
