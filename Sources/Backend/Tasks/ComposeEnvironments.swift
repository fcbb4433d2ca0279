import Database
import DeploymentKinds
import DeploymentPlanning
import Logging
import ObjectStorage
import OfferPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// The `.env` files of a Compose customer, by version (spec §3.2, §9.2).
///
/// `config/.env` is the customer's: what lies there when a deployment begins is what it is deployed with, and this program never
/// writes it. As soon as a deployment is scheduled the file of the version that runs is kept as `config/.env.v{current}`, unless it is there
/// already; that of the new version as `config/.env.v{version}`: by the Agent that watches, once it runs, and for an Agent that polls
/// when the task is handed out. A rollback names the copy. Copies go with the history that needs them: those that the Agent has made are
/// its to remove, and this program removes what it has put there itself. Contents are never logged.
struct ComposeEnvironments: Sendable {
  static let maximumBytes = 1 << 20
  /// Of how many versions copies are kept, as of artifacts (spec §3.2).
  static let keptVersions = 10

  let context: DeploymentContext
  let bucket: any Bucket
  let logger: Logger

  static func path(of version: String, _ settings: DeploymentSettings) -> String { "\(settings.envPath).v\(version)" }

  /// What an Agent says where it kept the settings of a version, if it is a place for them: whoever has its token can say anything.
  static func checked(_ path: String?, of version: String, _ settings: DeploymentSettings) -> String? {
    path.flatMap { VersionedConfigPath.isCopy($0, of: settings.envPath, version: version) ? $0 : nil }
  }

  private var isCompose: Bool { context.settings.kind == .docker }

  /// Keeps what a rollback from a task would need. May be repeated.
  /// - Parameter isHandedOut: whether an Agent gets the task that keeps nothing itself.
  /// - Throws: `ObjectStorageError` where the bucket does not answer: then the task must wait.
  func save(before task: AgentTask, running: String?, isHandedOut: Bool) async throws {
    guard isCompose else { return }
    let settings = context.settings
    let present: [UInt8]?
    do throws(ObjectStorageError) {
      present = try await bucket.get(settings.envPath, maximumBytes: Self.maximumBytes)
    } catch {
      guard error.code == .notFound else { throw error }
      present = nil
    }
    if let present, let running, try await knownPath(of: running) == nil {
      let path = Self.path(of: running, settings)
      if try await bucket.head(path) == nil { try await bucket.put(path, .bytes(present)) }
      try await note(version: running, path: path)
    }
    guard isHandedOut else { return }
    if !task.isRollback, let present, let version = task.payload["chart"]?["version"]?.string {
      try await bucket.put(Self.path(of: version, settings), .bytes(present))
      try await note(version: version, path: Self.path(of: version, settings))
    }
    // An Agent of the specification fetches values whatever it deploys (spec §6.3).
    if try await bucket.head(settings.valuesPath) == nil {
      try await bucket.put(settings.valuesPath, .bytes(Array("{}\n".utf8)))
    }
  }

  /// Whether a copy is there.
  func has(_ path: String) async throws -> Bool {
    do throws(ObjectStorageError) {
      return try await bucket.head(path) != nil
    } catch {
      throw StatusError(
        .serviceUnavailable, "the bucket does not say whether \(path) is there: \(error); try again soon",
        retryAfterSeconds: 30)
    }
  }

  private func knownPath(of version: String) async throws -> String? {
    try await context.database.transaction(.read) { connection in
      try connection.query(
        "SELECT \"bucketPath\" FROM compose_env_version WHERE version = $1", [.text(version)]
      ).first?[0].text
    }
  }

  private func note(version: String, path: String) async throws {
    let (id, now) = (context.makeID(), context.now())
    try await context.database.transaction(.write) { connection in
      try Self.insert(version: version, path: path, isCurrent: false, isOwn: true, connection, id: id, at: now)
    }
  }

  /// Notes where the `.env` of what runs now is kept.
  static func note(
    version: String, path: String, _ connection: any SQLConnection, id: String, at now: Timestamp
  ) throws {
    try connection.execute(
      """
      UPDATE compose_env_version SET "isCurrent" = \(connection.dialect.boolean(false))
      WHERE "isCurrent" AND version <> $1
      """, [.text(version)])
    try insert(version: version, path: path, isCurrent: true, isOwn: false, connection, id: id, at: now)
  }

  private static func insert(
    version: String, path: String, isCurrent: Bool, isOwn: Bool, _ connection: any SQLConnection, id: String,
    at now: Timestamp
  ) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      INSERT INTO compose_env_version (id, version, "bucketPath", "isCurrent", "isOwn", "createdAt")
      VALUES ($1, $2, $3, \(dialect.boolean(isCurrent)), \(dialect.boolean(isOwn)), \(dialect.time("$4")))
      ON CONFLICT (version) DO UPDATE SET "bucketPath" = excluded."bucketPath"
        \(isCurrent ? ", \"isCurrent\" = \(dialect.boolean(true))" : "")
        \(isOwn ? ", \"isOwn\" = \(dialect.boolean(true))" : "")
      """, [.text(id), .text(version), .text(path), now.column])
  }

  /// Removes the copies of versions that no kept history needs: the object first, so that a row names every object that is there.
  func prune() async throws {
    guard isCompose else { return }
    let (key, settings) = (context.recordKey, context.settings)
    let store = context.store
    let unneeded = try await context.database.transaction(.read) { connection in
      // What the Agent that watches may return to is its to remove.
      let record = try store.get(DesiredDeploymentKind.definition, key, in: connection)
        .flatMap(DeploymentTransaction.read)?.object
      let releases =
        (record?.status?.history ?? []).map(\.release) + [record?.status?.current?.release].compactMap(\.self)
      let needed = RowSet("path", of: Set(releases.compactMap(\.configPath)).union([settings.envPath]).sorted())
      return try connection.query(
        """
        SELECT e.version, e."bucketPath" FROM compose_env_version AS e WHERE e."isOwn" AND NOT e."isCurrent"
          AND e."bucketPath" NOT IN (SELECT r.path FROM \(needed.source(connection.dialect)))
          AND e.version NOT IN (
            SELECT k.version FROM (SELECT h.version, max(h."deployedAt") AS last FROM deployment_history AS h
              WHERE h.status = '\(DeploymentHistory.success)' AND h."taskId" IS NOT NULL GROUP BY h.version) AS k
            ORDER BY k.last DESC LIMIT \(Self.keptVersions))
          AND NOT EXISTS (SELECT 1 FROM agent_task AS t WHERE t.status IN ('pending', 'inProgress'))
        ORDER BY e."createdAt" LIMIT 20
        """, [needed.parameter]
      ).map { (version: $0[0].text ?? "", path: $0[1].text ?? "") }
        .filter { VersionedConfigPath.isCopy($0.path, of: settings.envPath, version: $0.version) }
    }
    for (version, path) in unneeded {
      try await bucket.delete(path)
      try await context.database.transaction(.write) { connection in
        _ = try connection.execute("DELETE FROM compose_env_version WHERE version = $1", [.text(version)])
      }
      logger.info("removed the settings of an earlier version", metadata: ["version": "\(version)"])
    }
  }
}
