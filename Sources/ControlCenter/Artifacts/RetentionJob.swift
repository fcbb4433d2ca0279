public import Database
import FleetPlanning
public import Logging
import ObjectStorage
import Reconciliation
public import ServiceLifecycle
import Synchronization
import Timing
public import WireFormats

/// Removes artifacts that nobody needs, and what uploads and releases that failed have left (spec §3.1, §8.1).
///
/// It looks after each upload, and from time to time. Several processes may do so: each removal is decided anew under
/// the artifact's claim.
public final class RetentionJob: Service {
  private let store: ArtifactStore
  private let facts: RetentionFacts
  private let rules: RetentionPlan.Rules
  private let interval: Duration
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let loop: DueLoop
  /// When an object without a row was first seen.
  private let firstSeen = Mutex<[ArtifactKey: Timestamp]>([:])

  /// - Parameters:
  ///   - keptVersions: of each type.
  ///   - orphanAge: so long a draft, and what has no release or row yet, is left alone.
  ///   - furtherNeeds: versions that are kept besides those of targets, customers and their histories, such as those of
  ///     rollouts that have not ended.
  public init(
    store: ArtifactStore, keptVersions: Int = 20, orphanAge: Duration = .seconds(86_400),
    interval: Duration = .seconds(3600), clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger,
    furtherNeeds: @escaping @Sendable (any SQLConnection) throws -> Set<String> = { _ in [] }
  ) {
    self.store = store
    facts = RetentionFacts(furtherNeeds: furtherNeeds)
    rules = RetentionPlan.Rules(keptVersions: keptVersions, orphanAge: orphanAge)
    self.interval = interval
    self.now = now
    var logger = logger
    logger[metadataKey: "controller"] = "artifact-retention"
    self.logger = logger
    loop = DueLoop(
      longestWait: interval, backoff: Backoff(base: .seconds(5), maximum: .seconds(600), jitter: 0.5), clock: clock,
      logger: logger)
  }

  /// After an upload.
  public func wake() { loop.wake() }

  public func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await loop.run { [self] in
        try await pass()
        return .after(interval)
      }
    }
  }

  /// - Returns: what was removed.
  @discardableResult
  func pass() async throws -> RetentionPlan {
    let now = now()
    let seen = try await objects(at: now)
    let (candidates, needed) = try await store.database.transaction(.read) { [facts] connection in
      (try facts.candidates(connection), try facts.needed(connection))
    }
    var plan = RetentionPlan(candidates, needed: needed, objects: seen, rules: rules, now: now)
    var removals: [RetentionPlan.Removal] = []
    for removal in plan.removals {
      try Task.checkCancellation()
      let release = candidates.first { $0.record == removal.record }?.release
      // What somebody needs by now: of the whole fleet once more, and at last by what can be looked up.
      let needed = try await store.database.transaction(.read) { [facts] in try facts.needed($0) }
      guard !needed.contains(removal.record.key.version.text) else { continue }
      let isRemoved = try await store.remove(removal.record) { [facts] key, connection in
        guard try !facts.isAskedFor(key.version, connection) else { return true }
        // Somebody may have made a release of it.
        return try facts.candidates(of: key, connection).first?.release != release
      }
      guard isRemoved else { continue }
      removals.append(removal)
      logger.info(
        "Removed an artifact",
        metadata: [
          "version": "\(removal.record.key.version)", "type": "\(removal.record.key.type.rawValue)",
          "reason": "\(removal.reason.rawValue)",
        ])
    }
    plan.removals = removals
    var orphans: [ArtifactKey] = []
    for object in plan.objects {
      try Task.checkCancellation()
      guard try await store.removeObject(object) else { continue }
      firstSeen.withLock { $0[object] = nil }
      orphans.append(object)
      logger.info("Removed an object without an artifact", metadata: ["path": "\(object.bucketPath)"])
    }
    plan.objects = orphans
    return plan
  }

  /// Of the bucket, those that no row names, with the time of their first sight. Objects that are not named as
  /// artifacts are somebody else's.
  private func objects(at now: Timestamp) async throws -> [ArtifactKey: Timestamp] {
    var keys: Set<ArtifactKey> = []
    var continuation: String?
    repeat {
      let page = try await store.bucket.list(prefix: ArtifactKey.prefix, limit: 1000, continuation: continuation)
      keys.formUnion(page.objects.compactMap { ArtifactKey(bucketPath: $0.key) })
      continuation = page.continuation
    } while continuation != nil
    let named = try await store.database.transaction(.read) { [facts] connection in
      Set(try facts.candidates(connection).map(\.record.key))
    }
    let orphans = keys.subtracting(named)
    return firstSeen.withLock { seen in
      seen = seen.filter { orphans.contains($0.key) }
      for key in orphans where seen[key] == nil { seen[key] = now }
      return seen
    }
  }
}
