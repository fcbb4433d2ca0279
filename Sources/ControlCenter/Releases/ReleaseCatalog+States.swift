import Audit
import Database
import FleetKinds
import FleetPlanning
import Logging
import ObjectStorage
import ResourceModel

/// The manifest that a release is published with.
struct PublishedManifest: Sendable, Hashable {
  /// Nil for a release without one.
  var text: String?
}

extension ReleaseCatalog {
  /// Makes a draft known to customers, with the artifacts that are there now. Once it is published, that is answered
  /// again.
  /// - Throws: `conflict`, saying why, where there is no artifact, one is just coming, one is not as the manifest says,
  ///   or the release was withdrawn or deprecated.
  /// - Parameter note: for the audit, where the release was not published before.
  func publish(_ version: ReleaseVersion, note: AuditNote? = nil) async throws -> ReleaseRecord {
    while true {
      let (release, artifacts) = try await database.transaction(.read) { connection in
        (try Self.require(version, connection), try ArtifactRecord.all(of: version, connection))
      }
      guard try Self.mayBePublished(release) else { return release }
      try await requireObjects(of: artifacts)
      let published = try await database.transaction(.write) { connection in
        try publish(version, with: artifacts, note, connection)
      }
      if let published { return published }
    }
  }

  /// - Returns: nil where the artifacts have changed.
  private func publish(
    _ version: ReleaseVersion, with artifacts: [ArtifactRecord], _ note: AuditNote?, _ connection: any SQLConnection
  ) throws -> ReleaseRecord? {
    try VersionLock.take(version, connection)
    try note?.prepare(in: connection)
    var release = try Self.require(version, connection)
    guard try Self.mayBePublished(release) else { return release }
    guard let manifest = try requirePublishable(version, release.content.manifest, with: artifacts, connection) else {
      return nil
    }
    release.content.manifest = manifest.text
    release.status = .published
    release.publishedAt = now()
    release.helmSha256 = artifacts.first { $0.key.type == .helm }?.sha256
    release.composeSha256 = artifacts.first { $0.key.type == .compose }?.sha256
    try release.updateState(connection)
    try note?.record(in: connection)
    return release
  }

  /// What a release needs to be published, by whichever way. After `VersionLock.take`.
  /// - Parameter manifest: that came with the release.
  /// - Returns: the manifest that it is published with, if any; nil where the artifacts have changed.
  /// - Throws: `conflict`, saying why not.
  func requirePublishable(
    _ version: ReleaseVersion, _ manifest: String?, with artifacts: [ArtifactRecord], _ connection: any SQLConnection
  ) throws -> PublishedManifest? {
    if let type = try ArtifactClaim.heldTypes(of: version, connection).first {
      throw StatusError(
        .conflict, "an upload of the \(type.name) \(version) has not ended yet; publish the release after it",
        retryAfterSeconds: 5)
    }
    guard try ArtifactRecord.all(of: version, connection) == artifacts else { return nil }
    guard !artifacts.isEmpty else {
      throw StatusError(
        .conflict, "the release \(version) has no artifact: upload its Helm chart or its Compose bundle first")
    }
    return PublishedManifest(text: try agreedManifest(manifest, version, artifacts, connection))
  }

  /// - Returns: false where it is published already.
  private static func mayBePublished(_ release: ReleaseRecord) throws(StatusError) -> Bool {
    if release.isWithdrawn {
      throw StatusError(
        .conflict, "the release \(release.version) was withdrawn and cannot be published again; make a new version")
    }
    switch release.status {
    case .draft: return true
    case .published: return false
    case .deprecated:
      throw StatusError(
        .conflict, "the release \(release.version) is deprecated and cannot be published again; make a new version")
    }
  }

  /// Not in a transaction: an object may be slow to ask for.
  func requireObjects(of artifacts: [ArtifactRecord]) async throws {
    for artifact in artifacts { try await requireObject(of: artifact) }
  }

  private func requireObject(of artifact: ArtifactRecord) async throws {
    let object: ObjectInfo?
    do throws(ObjectStorageError) {
      object = try await bucket.head(artifact.bucketPath)
    } catch {
      logger.error("The bucket failed", metadata: ["error": "\(error)"])
      throw StatusError(
        .serviceUnavailable, "the bucket of artifacts does not work now; the server's log says why",
        retryAfterSeconds: 30)
    }
    guard object?.size == artifact.byteCount else {
      throw StatusError(
        .conflict,
        "the \(artifact.key.type.name) \(artifact.key.version) is not in the bucket as it was uploaded; upload it again"
      )
    }
  }

  /// The one manifest of the release, whether it came with the release or with an artifact.
  private func agreedManifest(
    _ manifest: String?, _ version: ReleaseVersion, _ artifacts: [ArtifactRecord], _ connection: any SQLConnection
  ) throws -> String? {
    let others = try ArtifactRecord.manifests(of: version, connection)
    let texts = (manifest.map { [$0] } ?? []) + others
    guard let text = texts.first else {
      guard manifests.trustRoot == nil else {
        throw StatusError(
          .conflict,
          "the release \(version) carries no signed manifest, and customers with a trust root would refuse it: sign one "
            + "(wrktalkctl release sign) and upload the release with it")
      }
      return nil
    }
    do throws(StatusError) {
      let manifest = try manifests.manifest(text, version: version)
      for other in texts.dropFirst() {
        guard try manifests.manifest(other, version: version).digest == manifest.digest else {
          throw StatusError(.conflict, "manifest: the release and its artifacts came with different ones")
        }
      }
      for artifact in artifacts {
        try manifest.requireArtifact(artifact.key.type, sha256: artifact.sha256, byteCount: artifact.byteCount)
      }
    } catch {
      throw StatusError(.conflict, "the release \(version) cannot be published: \(error.message)")
    }
    return text
  }

  /// Offers it to nobody any more; those who have it keep it.
  func deprecate(_ version: ReleaseVersion, note: AuditNote? = nil) async throws -> ReleaseRecord {
    try await change(version, note) { (release) throws(StatusError) in
      guard release.status != .deprecated || release.isWithdrawn else { return false }
      if release.isWithdrawn {
        throw StatusError(.conflict, "the release \(version) was withdrawn, which is more than deprecated")
      }
      guard release.status == .published else {
        throw StatusError(.conflict, "the release \(version) is a draft: only what was published can be deprecated")
      }
      release.status = .deprecated
      return true
    }
  }

  /// Stops it: it is offered to nobody, and its artifacts are given to nobody any more.
  func withdraw(_ version: ReleaseVersion, note: AuditNote? = nil) async throws -> ReleaseRecord {
    try await change(version, note) { (release) throws(StatusError) in
      guard !release.isWithdrawn else { return false }
      guard release.status != .draft else {
        throw StatusError(.conflict, "the release \(version) is a draft: only what was published can be withdrawn")
      }
      release.isWithdrawn = true
      return true
    }
  }

  /// - Parameter change: returns false where the release is as it should be.
  private func change(
    _ version: ReleaseVersion, _ note: AuditNote?,
    _ change: @escaping @Sendable (inout ReleaseRecord) throws(StatusError) -> Bool
  ) async throws -> ReleaseRecord {
    try await database.transaction(.write) { connection in
      try VersionLock.take(version, connection)
      try note?.prepare(in: connection)
      var release = try Self.require(version, connection)
      if try change(&release) {
        try release.updateState(connection)
        try note?.record(in: connection)
      }
      return release
    }
  }
}
