import Accounts
public import Database
import FleetPlanning
public import Logging
public import ObjectStorage
import ResourceModel
public import WireFormats

/// Keeps charts and bundles: their rows in `gcc_artifact`, and their bytes in the bucket.
///
/// A row and its object never disagree, although no transaction spans both. Whoever changes one of them holds the
/// artifact's claim, and then:
///
/// 1. In one transaction it is seen whether the release may still change, and a row with other bytes is removed.
/// 2. The object is put, whole or not at all.
/// 3. In another transaction, if the claim is still held, the row is written.
///
/// An upload that breaks off before the third step leaves no row, and an object that the retention removes. A release
/// is not published while an artifact of its version is claimed.
public struct ArtifactStore: Sendable {
  let database: any Database
  let bucket: any Bucket
  let manifests: ManifestCheck
  var claims: ArtifactClaims
  private let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  private let logger: Logger

  public init(
    database: any Database, bucket: any Bucket, manifests: ManifestCheck, now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    self.database = database
    self.bucket = bucket
    self.manifests = manifests
    self.now = now
    self.makeID = makeID
    self.logger = logger
    claims = ArtifactClaims(database: database, makeID: makeID, logger: logger)
  }

  /// Once, before anything is served.
  public func prepare() async throws { try await claims.removeRemains() }

  /// Stores what was checked.
  /// - Returns: the artifact; where a published release has the same bytes already, what is there.
  /// - Throws: `conflict` where the version was published with other bytes.
  /// - Parameter audit: where that is kept, unless a published release has it.
  func store(_ upload: ArtifactUpload, audit: AuditedActor? = nil) async throws -> ArtifactRecord {
    let record = try await claims.holding(upload.key) { claim in
      let start = try await begin(upload, claim)
      guard case .replace(let old) = start else {
        guard case .same(let record) = start else { throw ArtifactClaim.lost }
        return record
      }
      do throws(ObjectStorageError) {
        try await bucket.put(upload.key.bucketPath, .file(path: upload.file.path))
      } catch {
        throw unavailable(error)
      }
      let isSame = old?.sha256 == upload.sha256
      let record = ArtifactRecord(
        id: old?.id ?? makeID(), key: upload.key, sha256: upload.sha256, byteCount: upload.byteCount,
        createdAt: isSame ? old?.createdAt ?? now() : now())
      try await finish(record, upload, claim, audit)
      return record
    }
    guard let record else {
      throw StatusError(
        .serviceUnavailable, "another upload of the \(upload.key.type.name) \(upload.key.version) has not ended yet",
        retryAfterSeconds: 10)
    }
    return record
  }

  private enum Start: Sendable {
    /// A published release has it.
    case same(ArtifactRecord)
    /// The artifact that was there, if any.
    case replace(ArtifactRecord?)
  }

  private func begin(_ upload: ArtifactUpload, _ claim: ArtifactClaim) async throws -> Start {
    try await database.transaction(.write) { connection in
      try VersionLock.take(upload.key.version, connection)
      try claim.requireHeld(connection)
      let old = try ArtifactRecord.find(upload.key, connection)
      let release = try ReleaseRecord.find(upload.key.version, connection)
      try Self.requireReplaceable(upload, release)
      if let old, old.sha256 == upload.sha256 {
        // The object is put once more for a draft, in case it is gone.
        return release.map(\.isFrozen) == true ? .same(old) : .replace(old)
      }
      try ArtifactRecord.remove(upload.key, connection)
      return .replace(old)
    }
  }

  private func finish(
    _ record: ArtifactRecord, _ upload: ArtifactUpload, _ claim: ArtifactClaim, _ audit: AuditedActor?
  ) async throws {
    try await database.transaction(.write) { connection in
      try VersionLock.take(upload.key.version, connection)
      try claim.requireHeld(connection)
      try Self.requireReplaceable(upload, try ReleaseRecord.find(upload.key.version, connection))
      try audit?.record(
        "ArtifactUploaded", record.key.version.text,
        [
          "type": .string(record.key.type.rawValue), "sha256": .string(record.sha256),
          "sizeBytes": .integer(Int64(record.byteCount)),
        ], in: connection)
      try record.save(manifest: upload.manifest, connection)
    }
  }

  /// What was published has its bytes for ever (spec §8.1, 1.3); they may come back where they were removed.
  private static func requireReplaceable(_ upload: ArtifactUpload, _ release: ReleaseRecord?) throws(StatusError) {
    guard let release, release.isFrozen, release.sha256(of: upload.key.type) != upload.sha256 else { return }
    let published = release.publishedAt.map { " on \($0)" } ?? ""
    let found =
      release.sha256(of: upload.key.type).map { "with the \(upload.key.type.name) \($0)" }
      ?? "without a \(upload.key.type.name)"
    throw StatusError(
      .conflict,
      "version \(release.version) was published\(published) \(found), and cannot change; this upload is "
        + "\(upload.sha256). Upload it as a new version")
  }

  /// - Returns: whether it was removed: false where it has changed since, is needed, or somebody is changing it.
  func remove(
    _ record: ArtifactRecord, unless isNeeded: @escaping @Sendable (ArtifactKey, any SQLConnection) throws -> Bool
  ) async throws -> Bool {
    let isRemoved = try await claims.holding(record.key, waits: false) { claim in
      let isRemoved = try await database.transaction(.write) { connection in
        try VersionLock.take(record.key.version, connection)
        try claim.requireHeld(connection)
        guard try ArtifactRecord.find(record.key, connection) == record, try !isNeeded(record.key, connection) else {
          return false
        }
        try ArtifactRecord.remove(record.key, connection)
        return true
      }
      if isRemoved { try await bucket.delete(record.bucketPath) }
      return isRemoved
    }
    return isRemoved ?? false
  }

  /// Removes an object that no row names.
  func removeObject(_ key: ArtifactKey) async throws -> Bool {
    let isRemoved = try await claims.holding(key, waits: false) { claim in
      let isNamed = try await database.transaction(.write) { connection in
        try claim.requireHeld(connection)
        return try ArtifactRecord.find(key, connection) != nil
      }
      guard !isNamed else { return false }
      try await bucket.delete(key.bucketPath)
      return true
    }
    return isRemoved ?? false
  }

  /// Artifacts in the order of version and type, as text.
  /// - Parameter after: where the page before ended.
  func list(limit: Int, after: ArtifactKey?) async throws -> [ArtifactRecord] {
    try await database.transaction(.read) { connection in
      let order = { (column: String) in connection.dialect == .postgresql ? "\(column) COLLATE \"C\"" : column }
      let (version, type) = (order("version"), order("type"))
      return try connection.query(
        """
        SELECT \(ArtifactRecord.columns(connection.dialect)) FROM gcc_artifact
        WHERE \(version) > $1 OR version = $1 AND \(type) > $2 ORDER BY \(version), \(type) LIMIT $3
        """, [.text(after?.version.text ?? ""), .text(after?.type.rawValue ?? ""), .integer(Int64(limit))]
      ).compactMap(ArtifactRecord.init)
    }
  }

  func unavailable(_ error: ObjectStorageError) -> any Error {
    if error.code == .cancelled { return CancellationError() }
    logger.error("The bucket failed", metadata: ["error": "\(error)"])
    return StatusError(
      .serviceUnavailable, "the bucket of artifacts does not work now; the server's log says why",
      retryAfterSeconds: 30)
  }
}
