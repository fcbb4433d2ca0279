import Accounts
public import Database
import FleetPlanning
import FleetProtocol
public import Logging
public import ObjectStorage
import ResourceModel
public import WireFormats

/// The releases: drafts that CI may replace, and what was published, which never changes.
///
///     draft ──publish──▶ published ──deprecate──▶ deprecated
///                            └──────────withdraw───────┴──▶ withdrawn
public struct ReleaseCatalog: Sendable {
  let database: any Database
  let bucket: any Bucket
  let manifests: ManifestCheck
  let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  let logger: Logger

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
  }

  /// Creates a draft, or replaces the one of the same version, whose id stays.
  /// - Parameter audit: where that is kept, unless it changes nothing.
  /// - Throws: `conflict` where the version is published with another content.
  func save(
    _ request: ReleaseRequest, by caller: String, audit: AuditedActor? = nil
  ) async throws -> ReleaseRecord {
    if let manifest = request.content.manifest { _ = try manifests.manifest(manifest, version: request.version) }
    let (now, makeID) = (now(), makeID)
    return try await database.transaction(.write) { connection in
      try VersionLock.take(request.version, connection)
      guard var release = try ReleaseRecord.find(request.version, connection) else {
        let release = ReleaseRecord(id: makeID(), request, createdBy: caller, at: now)
        try audit?.record("ReleaseCreated", request.version.text, in: connection)
        try release.insert(connection)
        return release
      }
      var content = request.content
      if release.isFrozen {
        // The manifest may have come with an artifact.
        if content.manifest == nil { content.manifest = release.content.manifest }
        guard content == release.content else { throw Self.frozen(release, differingIn: content) }
        return release
      }
      let changed = Self.differences(release.content, content)
      guard !changed.isEmpty else { return release }
      try audit?.record(
        "ReleaseChanged", request.version.text, ["changed": .array(changed.map { .string($0) })], in: connection)
      release.content = content
      try release.update(connection)
      return release
    }
  }

  private static func frozen(_ release: ReleaseRecord, differingIn content: ReleaseContent) -> StatusError {
    let fields = differences(release.content, content)
    let published = release.publishedAt.map { " since \($0)" } ?? ""
    let tags = release.content.imageTags
    let present =
      fields.contains("imageTags")
      ? " What is there: backend \(tags.backend), media \(tags.media), controlTower \(tags.controlTower), agent \(tags.agent)."
      : ""
    return StatusError(
      .conflict,
      "version \(release.version) is \(release.statusText)\(published) and cannot change; this request differs in "
        + "\(fields.joined(separator: ", ")).\(present) Make a new version")
  }

  /// The names of the members that differ.
  private static func differences(_ old: ReleaseContent, _ new: ReleaseContent) -> [String] {
    [
      ("releaseNotes", old.releaseNotes == new.releaseNotes), ("imageTags", old.imageTags == new.imageTags),
      ("isForced", old.isForced == new.isForced),
      ("isMigrationRequired", old.isMigrationRequired == new.isMigrationRequired),
      ("estimatedDowntime", old.estimatedDowntime == new.estimatedDowntime),
      ("minCurrentVersion", old.minCurrentVersion == new.minCurrentVersion),
      ("newNonEssentialEnvs", old.newNonEssentialEnvs == new.newNonEssentialEnvs),
      ("manifest", old.manifest == new.manifest),
    ].filter { !$0.1 }.map(\.0)
  }

  /// - Throws: `notFound`.
  func find(_ version: ReleaseVersion) async throws -> ReleaseRecord {
    try await database.transaction(.read) { try Self.require(version, $0) }
  }

  static func require(_ version: ReleaseVersion, _ connection: any SQLConnection) throws -> ReleaseRecord {
    guard let release = try ReleaseRecord.find(version, connection) else {
      throw StatusError(.notFound, "there is no release \(version)")
    }
    return release
  }

  /// Releases in the order of their versions as text.
  /// - Parameter after: the version with which the page before ended.
  func list(limit: Int, after: ReleaseVersion?) async throws -> [ReleaseRecord] {
    try await database.transaction(.read) { connection in
      let version = connection.dialect == .postgresql ? "version COLLATE \"C\"" : "version"
      return try connection.query(
        """
        SELECT \(ReleaseRecord.columns(connection.dialect)) FROM gcc_release
        WHERE \(version) > $1 ORDER BY \(version) LIMIT $2
        """, [.text(after?.text ?? ""), .integer(Int64(limit))]
      ).compactMap(ReleaseRecord.init)
    }
  }
}
