import Archives
public import Cryptography
public import DeploymentKinds
public import DeploymentPlanning
import FoundationEssentials
public import ObjectStorage
public import ReleaseManifest

/// Prepares releases from the customer's bucket, in the Agent's working directory.
///
/// An archive is unpacked only after its digest was checked. Verified archives are kept, so that a rollback does not depend
/// on the bucket.
public struct ReleasePreparation: ReleasePreparing {
  private let bucket: any Bucket
  private let directory: WorkingDirectory
  private let makeID: @Sendable () -> String
  private let downloads = KeyedMutex()

  static let maximumArtifactBytes = 256 << 20
  static let maximumConfigBytes = 1 << 20

  /// - Parameter makeID: names the folder of one preparation; each time another one.
  public init(
    bucket: any Bucket, workingDirectory: String,
    makeID: @escaping @Sendable () -> String = { Hexadecimal.encode(SecureRandom.bytes(count: 8)) }
  ) {
    self.bucket = bucket
    self.directory = WorkingDirectory(path: workingDirectory)
    self.makeID = makeID
  }

  public func removeLeftovers() async { directory.scrub() }

  public func discard(_ prepared: PreparedArtifact) async {
    directory.discard(prepared.release.workFolder)
  }

  public func prepare(
    _ plan: ReleasePlan, manifest: Manifest?,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> PreparedArtifact {
    let artifact = plan.release.artifact
    guard SHA256Digest(hexadecimal: artifact.sha256) != nil else {
      throw ArtifactVerification.refusal(.refused, "spec.artifact.sha256 is no SHA-256 digest in hexadecimal")
    }
    try directory.create()
    let size = manifest?.artifacts.first { $0.sha256 == artifact.sha256 }?.size
    let archive = try await archive(of: plan.release, size: size, progress: progress)
    let folder = try directory.makeWorkFolder(makeID())
    do throws(RuntimeFailure) {
      try await unpack(archive, of: artifact, into: "\(folder)/bundle")
      let configFile = try await fetchConfiguration(plan.release.configPath, to: "\(folder)/config")
      directory.pruneArtifacts()
      return PreparedArtifact(
        release: PreparedRelease(
          release: plan.release, folder: "\(folder)/bundle", configFile: configFile, pinnedImages: plan.pinnedImages,
          manifest: manifest))
    } catch {
      directory.discard(folder)
      throw error
    }
  }

  public func keepConfiguration(
    of prepared: PreparedArtifact, revision: Int64
  ) async throws(RuntimeFailure) -> String? {
    let release = prepared.release.release
    guard let configPath = release.configPath, let file = prepared.release.configFile,
      let kept = VersionedConfigPath.path(for: configPath, version: release.version)
    else { return release.configPath }
    guard let content = FileManager.default.contents(atPath: file).map({ [UInt8]($0) }) else {
      throw RuntimeFailure(
        kind: .transient, reason: "WorkingDirectoryUnusable", message: "\(file) could not be read")
    }
    let candidates = [kept, VersionedConfigPath.path(for: configPath, version: release.version, revision: revision)]
    for candidate in candidates.compactMap({ $0 }) {
      do throws(ObjectStorageError) {
        if try await bucket.get(candidate, maximumBytes: Self.maximumConfigBytes) == content { return candidate }
      } catch {
        guard error.code == .notFound else { throw Self.failure(error, notFound: "ConfigNotFound") }
        do throws(ObjectStorageError) {
          try await bucket.put(candidate, .bytes(content))
        } catch {
          throw Self.failure(error, notFound: "ConfigNotFound")
        }
        return candidate
      }
    }
    throw RuntimeFailure(
      kind: .permanent, reason: "ConfigNotKept", message: "\(kept) holds other settings, also under this revision")
  }

  public func forgetConfigurations(_ keys: Set<String>) async throws(RuntimeFailure) {
    for key in keys.sorted() {
      do throws(ObjectStorageError) {
        try await bucket.delete(key)
      } catch {
        if error.code != .notFound { throw Self.failure(error, notFound: "ConfigNotFound") }
      }
    }
  }

  // MARK: Artifact

  /// The verified archive: the one kept from before, or a new download.
  private func archive(
    of release: DesiredDeploymentStatus.Release, size: Int64?,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> String {
    // Of several deployments that want the same archive one downloads it, and the others find it.
    let archive = await downloads.withLock(release.artifact.sha256) { () -> Result<String, RuntimeFailure> in
      do throws(RuntimeFailure) {
        return .success(try await keptOrDownloaded(release, size: size, progress: progress))
      } catch {
        return .failure(error)
      }
    }
    guard let archive else { throw .stopped }
    return try archive.get()
  }

  private func keptOrDownloaded(
    _ release: DesiredDeploymentStatus.Release, size: Int64?,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> String {
    let artifact = release.artifact
    let kept = "\(directory.artifacts)/\(artifact.sha256)"
    if FileManager.default.fileExists(atPath: kept) {
      if (try? await ArtifactVerification.checkDigest(ofFile: kept, of: artifact)) != nil {
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: kept)
        return kept
      }
      directory.removeArtifact(artifact.sha256)
    }
    await progress(.init(step: .downloading, done: 0, total: 1, message: "downloading \(artifact.path)"))
    let name = "\(artifact.sha256).\(makeID())"
    // No more is taken than was signed.
    let maximumBytes = Int(min(Int64(Self.maximumArtifactBytes), size ?? .max))
    let download = "\(directory.artifacts)/\(name)"
    do throws(ObjectStorageError) {
      try await bucket.get(artifact.path, toFile: download, maximumBytes: maximumBytes)
    } catch {
      throw Self.failure(error, notFound: ArtifactFailureReason.notFound.rawValue)
    }
    await progress(.init(step: .verifying, done: 1, total: 1, message: "verifying \(artifact.path)"))
    do throws(RuntimeFailure) {
      try await ArtifactVerification.checkDigest(ofFile: download, of: artifact)
      try directory.keepArtifact(name, as: artifact.sha256)
    } catch {
      directory.removeArtifact(name)
      throw error
    }
    return kept
  }

  private func unpack(
    _ archive: String, of artifact: DesiredDeploymentSpec.Artifact, into folder: String
  ) async throws(RuntimeFailure) {
    do throws(ArchiveError) {
      try await ArchiveUnpacker.unpack(archive, into: folder)
    } catch {
      switch error.code {
      case .cancelled:
        throw RuntimeFailure(kind: .cancelled, reason: "Cancelled", message: error.message)
      case .diskFull:
        throw RuntimeFailure(
          kind: .transient, reason: "DiskFull",
          message: "\(artifact.path) was not unpacked to \(folder): \(error). Free some space there and it goes on")
      case _ where error.isTransient:
        throw RuntimeFailure(
          kind: .transient, reason: "WorkingDirectoryUnusable", message: "\(artifact.path) was not unpacked: \(error)")
      default:
        throw ArtifactVerification.refusal(.refused, "\(artifact.path) was refused: \(error)")
      }
    }
  }

  private func fetchConfiguration(_ key: String?, to file: String) async throws(RuntimeFailure) -> String? {
    guard let key else { return nil }
    let content: [UInt8]
    do throws(ObjectStorageError) {
      content = try await bucket.get(key, maximumBytes: Self.maximumConfigBytes)
    } catch {
      var failure = Self.failure(error, notFound: "ConfigNotFound")
      if error.code == .notFound {
        failure.message +=
          ". Put the customer's settings there, or correct spec.compose.envPath (with Helm spec.helm.valuesPath)"
      }
      throw failure
    }
    try SecretFile.write(content, to: file)
    return file
  }

  private static func failure(_ error: ObjectStorageError, notFound: String) -> RuntimeFailure {
    let (kind, reason): (RuntimeFailure.Kind, String) =
      switch error.code {
      case .notFound: (.permanent, notFound)
      case .invalidKey, .tooLarge: (.permanent, ArtifactFailureReason.refused.rawValue)
      case .bucketNotFound: (.transient, "BucketNotFound")
      case .accessDenied: (.transient, "BucketAccessDenied")
      case .unreachable: (.transient, "BucketUnreachable")
      case .refused: (.transient, "BucketRefused")
      case .diskFull: (.transient, "DiskFull")
      case .fileUnusable: (.transient, "WorkingDirectoryUnusable")
      case .cancelled: (.cancelled, "Cancelled")
      }
    return RuntimeFailure(kind: kind, reason: reason, message: error.description)
  }
}
