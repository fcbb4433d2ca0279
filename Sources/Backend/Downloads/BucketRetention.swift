import Database
import DeploymentKinds
import Logging
import ObjectStorage
import OfferPlanning
import Reconciliation
import ReleaseManifest
import ResourceModel
import ResourceStorage
import ServiceLifecycle
import Timing
import WireFormats

/// Removes artifacts of versions that nobody needs from the customer's bucket (spec §3.2): after each download, and once a
/// day. Of the bucket it touches only what bears the names that are given here.
final class BucketRetention: Service {
  private let database: any Database
  private let store: SQLResourceStore
  private let bucket: any Bucket
  private let settings: DeploymentSettings
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let loop: DueLoop

  private static let interval: Duration = .seconds(86_400)
  /// Versions that a rollback may take: the last that ran well.
  private static let returnable = 3

  init(
    database: any Database, store: SQLResourceStore, bucket: any Bucket, settings: DeploymentSettings,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.database = database
    self.store = store
    self.bucket = bucket
    self.settings = settings
    self.now = now
    var logger = logger
    logger[metadataKey: "controller"] = "bucket-retention"
    self.logger = logger
    loop = DueLoop(
      longestWait: Self.interval, backoff: Backoff(base: .seconds(60), maximum: .seconds(3600), jitter: 0.5),
      logger: logger)
  }

  func wake() { loop.wake() }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await loop.run { [self] in
        try await pass()
        return .after(Self.interval)
      }
    }
  }

  /// - Returns: the versions that were removed.
  @discardableResult
  func pass() async throws -> [String] {
    let versions = try await versions()
    let plan = ArtifactRetention.removable(versions, needed: try await needed())
    var removed: [String] = []
    for version in plan {
      try Task.checkCancellation()
      guard try await giveUp(version) else { continue }
      let path = settings.artifactPath(version: version)
      try await bucket.delete(path)
      removed.append(version)
      logger.info("Removed an artifact from the bucket", metadata: ["version": "\(version)", "path": "\(path)"])
    }
    // Who asked for a version is not waited for any more; the row has no use without its artifact, nor with it.
    _ = try await database.transaction(.write) { [now = now()] connection in
      try connection.execute(
        "DELETE FROM kept_artifact WHERE \"keptUntil\" <= \(connection.dialect.time("$1"))", [now.column])
    }
    return removed
  }

  /// Says that a version is not in the bucket any more, before it is so.
  /// - Returns: false where somebody has asked for it meanwhile.
  private func giveUp(_ version: String) async throws -> Bool {
    try await database.transaction(.write) { [self] connection in
      _ = try DeploymentState.read(connection, locked: true)
      guard ArtifactRetention.removable([version], needed: try needed(connection), kept: 0) == [version] else {
        return false
      }
      let dialect = connection.dialect
      try connection.execute(
        """
        UPDATE scheduled_deployment SET "chartDownloaded" = \(dialect.boolean(false)), "nextDownloadAt" = NULL
        WHERE version = $1 AND "chartDownloaded" AND status IN (\(LocalDeploymentStatus.sql(where: \.isFinal)))
        """, [.text(version)])
      return true
    }
  }

  /// Of this customer's type, whose artifacts lie in the bucket.
  private func versions() async throws -> Set<String> {
    let prefix = String(settings.artifactPath(version: "*").prefix { $0 != "*" })
    var versions: Set<String> = []
    var continuation: String?
    repeat {
      let page = try await bucket.list(prefix: prefix, limit: 1000, continuation: continuation)
      versions.formUnion(page.objects.compactMap { Self.version(ofPath: $0.key, settings) })
      continuation = page.continuation
    } while continuation != nil
    return versions
  }

  /// Nil for what is no artifact of this customer's type.
  private static func version(ofPath path: String, _ settings: DeploymentSettings) -> String? {
    let parts = settings.artifactPath(version: "*").split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count == 2, path.hasPrefix(parts[0]), path.hasSuffix(parts[1]),
      path.utf8.count > parts[0].utf8.count + parts[1].utf8.count
    else { return nil }
    let version = String(path.dropFirst(parts[0].count).dropLast(parts[1].count))
    return SemanticVersion(version) == nil ? nil : version
  }

  /// What runs, is scheduled, offered and not ended, was asked for lately, or would be returned to.
  func needed() async throws -> Set<String> {
    try await database.transaction(.read) { [self] in try needed($0) }
  }

  private func needed(_ connection: any SQLConnection) throws -> Set<String> {
    let key = ObjectKey(namespace: settings.namespace, name: settings.name)
    let record = try store.get(DesiredDeploymentKind.definition, key, in: connection).flatMap {
      try? $0.value().decoded(as: DesiredDeployment.self)
    }
    var needed = try Self.needed(at: now(), settings, connection)
    if let record {
      let paths = [record.spec.artifact?.path, record.status?.current?.release.artifact.path]
      needed.formUnion([record.spec.version, record.status?.current?.version].compactMap(\.self))
      needed.formUnion(paths.compactMap { $0.flatMap { Self.version(ofPath: $0, settings) } })
    }
    return needed
  }

  private static func needed(
    at now: Timestamp, _ settings: DeploymentSettings, _ connection: any SQLConnection
  ) throws -> Set<String> {
    let final = LocalDeploymentStatus.sql(where: \.isFinal)
    let named = try connection.query(
      """
      SELECT "currentVersion" FROM deployment_config
      UNION SELECT version FROM scheduled_deployment WHERE status NOT IN (\(final))
      UNION SELECT version FROM deployment_history WHERE "isCurrent"
      UNION SELECT version FROM kept_artifact WHERE "keptUntil" > \(connection.dialect.time("$1"))
      """, [now.column])
    var needed = Set(named.compactMap { $0[0].text })
    let good = try connection.query(
      """
      SELECT version, max("deployedAt") FROM deployment_history WHERE status = 'success' AND "taskId" IS NOT NULL
      GROUP BY version ORDER BY max("deployedAt") DESC LIMIT \(returnable)
      """)
    needed.formUnion(good.compactMap { $0[0].text })
    // A task to return to a version need not name a row of this table.
    let tasks = try connection.query(
      "SELECT CAST(payload AS text) FROM agent_task WHERE status IN ('pending', 'inProgress')")
    for task in tasks {
      guard let text = task[0].text, let payload = try? JSONValue(parsing: Array(text.utf8)) else { continue }
      let chart = payload["chart"]
      if let version = chart?["version"]?.string { needed.insert(version) }
      if let version = chart?["bucketPath"]?.string.flatMap({ version(ofPath: $0, settings) }) {
        needed.insert(version)
      }
    }
    return needed
  }
}
