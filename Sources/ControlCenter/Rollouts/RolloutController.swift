import Database
import FleetKinds
import FleetPlanning
import Logging
import Reconciliation
import ResourceModel
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Brings rollouts forward: reads what is, lets `RolloutPlanner` decide, carries it out.
///
/// A step is one transaction: the counts that the decision rests on, the offers that it makes, and the status that says so. What
/// touches any number of targets, such as making those of a stage, is done in sets before it; whoever is killed in between leaves
/// what the next pass finds and goes on with. Of several processes one at a time steps a rollout, and a step that was decided on
/// what is no longer so is not written.
final class RolloutController: Service {
  struct Configuration: Sendable {
    /// A rollout is not looked at more often, however many targets change.
    var shortestInterval: Duration = .milliseconds(200)
    /// After this time it is looked at even if nothing was due or changed.
    var longestInterval: Duration = .seconds(10)
    /// How often rollouts that have completed take in who joined since.
    var joiningInterval: Duration = .seconds(60)
    /// How often it is decided anew of those that were passed over.
    var recheckInterval: Duration = .seconds(30)
  }

  private let database: any Database
  private let store: SQLResourceStore
  private let steps: RolloutSteps
  private let configuration: Configuration
  private let logger: Logger
  private let loop: DueLoop
  private let clock: any Clock<Duration>
  private let joiningCadence: Cadence
  private let seen = Mutex(Seen())

  /// What the last pass had come to.
  private struct Seen {
    /// Nil before the first.
    var revision: Int64?
    /// Rollouts that could not be stepped.
    var failed: Set<String> = []
  }

  init(
    database: any Database, store: SQLResourceStore, steps: RolloutSteps,
    configuration: Configuration = Configuration(),
    clock: any Clock<Duration> = ContinuousClock(), logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "rollout"
    self.database = database
    self.store = store
    self.steps = steps
    self.configuration = configuration
    self.clock = clock
    self.logger = logger
    joiningCadence = Cadence(configuration.joiningInterval)
    loop = DueLoop(
      longestWait: configuration.longestInterval, backoff: Backoff(maximum: .seconds(30)), clock: clock, logger: logger)
  }

  /// Something may have changed.
  func wake() { loop.wake() }

  func run() async throws {
    let beside = [Task { await watch() }, Task { await recheck() }]
    await loop.runUntilShutdown {
      let due = try await self.pass()
      try? await self.clock.sleep(for: self.configuration.shortestInterval)
      return due.map { .after($0) } ?? .whenWoken
    }
    for task in beside { task.cancel() }
  }

  /// Looks again at those that were passed over, from time to time.
  private func recheck() async {
    var last = ""
    while !Task.isCancelled {
      try? await clock.sleep(for: last.isEmpty ? configuration.recheckInterval : configuration.shortestInterval)
      do {
        last = try await steps.recheckBlocked(after: last) ?? ""
      } catch {
        if Task.isCancelled { return }
        logger.error("passed over targets cannot be looked at and are tried again", metadata: ["error": "\(error)"])
        last = ""
      }
    }
  }

  /// Wakes the loop when rollouts, releases or targets change.
  private func watch() async {
    await withTaskGroup(of: Void.self) { group in
      for kind in [RolloutKind.definition, ReleaseKind.definition, DeploymentTargetKind.definition] {
        group.addTask { [self] in
          while !Task.isCancelled {
            do {
              let changes = try await store.watch(
                kind, namespace: nil, selector: .everything, after: try await store.currentRevision())
              wake()
              for try await _ in changes { wake() }
            } catch {
              if Task.isCancelled { return }
            }
            try? await clock.sleep(for: .seconds(1))
          }
        }
      }
    }
  }

  /// One step of each rollout that is not over, and of each that is and of which something has changed since the last pass.
  /// - Returns: when the next is due though nothing changes; nil where none is.
  func pass() async throws -> Duration? {
    try await steps.decideUnplannedReleases()
    let before = seen.withLock { $0 }
    var after = Seen()
    after.revision = try await store.currentRevision()
    let joinable = joiningCadence.isDue("", at: steps.now()) ? try await joinable() : []
    let rollouts = try await rollouts(after: before, and: joinable)
    let known = try await known(rollouts.map(\.rollout))
    var due: Duration?
    for (stored, rollout) in rollouts
    where Self.isActive(rollout, known) || joinable.contains(rollout.metadata.name) && isJoinable(rollout) {
      do {
        guard let next = try await steps.step(stored, rollout) else { continue }
        due = min(due ?? next, next)
      } catch let error as StatusError where error.reason == .conflict || error.reason == .notFound {
        // Somebody changed it in the meantime: it is looked at anew.
        due = .zero
      } catch {
        logger.error(
          "a rollout cannot be stepped and is tried again",
          metadata: ["name": "\(rollout.metadata.name)", "error": "\(error)"])
        due = min(due ?? .seconds(5), .seconds(5))
        after.failed.insert(rollout.metadata.name)
      }
    }
    try await takeBackOrphans()
    seen.withLock { [after] in $0 = after }
    return due
  }

  /// Those that go on, and those that have ended but are not as they were: themselves, their releases or what their targets
  /// report.
  private func rollouts(
    after last: Seen, and joinable: Set<String>
  ) async throws -> [(stored: StoredObject, rollout: Rollout)] {
    var stored: [String: StoredObject] = [:]
    var query = ListQuery(selector: last.revision == nil ? .everything : Self.isGoingOn)
    repeat {
      let page = try await store.list(RolloutKind.definition, query)
      for item in page.items { stored[item.key.name] = item }
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    if let since = last.revision {
      let changed = try await database.transaction(.read) { try Self.changed(since: since, $0) }
      for name in changed.union(last.failed).union(joinable).sorted() where stored[name] == nil {
        stored[name] = try await store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name))
      }
    }
    return stored.sorted { $0.key < $1.key }.compactMap { _, item in
      (try? item.value().decoded(as: Rollout.self)).map { (item, $0) }
    }
  }

  private static let isGoingOn = ObjectSelector(fields: [
    .notEquals(path: "status.phase", value: RolloutStatus.Phase.halted.rawValue),
    .notEquals(path: "status.phase", value: RolloutStatus.Phase.completed.rawValue),
  ])

  private static func changed(since: Int64, _ connection: any SQLConnection) throws -> Set<String> {
    var names = Set(
      try connection.query(
        """
        SELECT name FROM gcc_rollout WHERE resource_version >= $1
        UNION
        SELECT o.name FROM gcc_rollout AS o JOIN gcc_release AS g
          ON g.version = \(RolloutFields.release("o", connection.dialect)) WHERE g.resource_version >= $1
        """, [.integer(since)]
      ).compactMap { $0[0].text })
    for row in try connection.query(
      "SELECT DISTINCT rollout FROM gcc_rollout_counter WHERE changed >= $1", [.integer(since)])
    {
      guard let key = row[0].text, let slash = key.lastIndex(of: "/") else { continue }
      names.insert(String(key[..<slash]))
    }
    return names
  }

  private func joinable() async throws -> Set<String> {
    try await database.transaction(.read) { try RolloutSteps.completedOfTheNewest($0) }
  }

  private func isJoinable(_ rollout: Rollout) -> Bool {
    rollout.status?.completedAt != nil && RolloutPlanner.wantsLateJoiners(rollout.spec, rollout.status, at: steps.now())
  }

  /// What rollouts are looked at with.
  struct Known: Sendable {
    /// By `RolloutCounters.key`.
    var counts: [String: [Int: StageCounts]] = [:]
    /// By version.
    var releases: [String: (id: String, isWithdrawn: Bool)] = [:]
  }

  private func known(_ rollouts: [Rollout]) async throws -> Known {
    guard !rollouts.isEmpty else { return Known() }
    let set = RowSet("version", of: Set(rollouts.map(\.spec.release)))
    return try await database.transaction(.read) { connection in
      var known = Known()
      for row in try connection.query(
        """
        SELECT version, id, withdrawn FROM gcc_release
        WHERE version IN (SELECT r.version FROM \(set.source(connection.dialect)))
        """, [set.parameter])
      { known.releases[row[0].text ?? ""] = (row[1].text ?? "", row[2].boolean ?? false) }
      let keys = rollouts.compactMap { rollout in
        known.releases[rollout.spec.release].map { RolloutCounters.key(rollout.metadata.name, releaseID: $0.id) }
      }
      known.counts = try RolloutCounters.counts(keys, connection)
      return known
    }
  }

  /// Targets of rollouts that were deleted.
  private func takeBackOrphans() async throws {
    let removed = try await database.transaction(.read) { connection in
      try connection.query("SELECT id, name FROM gcc_rollout_removed ORDER BY id LIMIT 100")
        .map { (id: $0[0].text ?? "", name: $0[1].text ?? "") }
    }
    for (id, name) in removed {
      let releases = try await database.transaction(.read) { try RolloutCounters.releases(of: name, $0) }
      for release in releases { while try await steps.takeBack(orphansOf: name, releaseID: release) {} }
      try await database.transaction(.write) { connection in
        _ = try connection.execute("DELETE FROM gcc_rollout_removed WHERE id = $1", [.text(id)])
      }
    }
  }

  /// False where nothing can follow any more, until its spec, its annotations, its release or what its targets report changes.
  static func isActive(_ rollout: Rollout, _ known: Known) -> Bool {
    guard let status = rollout.status, status.observedGeneration == rollout.metadata.generation else { return true }
    if let text = rollout.metadata.annotations?[RolloutKind.retryAnnotation], let time = Timestamp(text),
      status.retriedAt != time
    {
      return true
    }
    switch status.phase {
    case .pending, .progressing, .paused: return true
    case .halted, .completed:
      guard let release = known.releases[rollout.spec.release] else { return false }
      if release.isWithdrawn, status.haltedAt == nil { return true }
      let counts = known.counts[RolloutCounters.key(rollout.metadata.name, releaseID: release.id)] ?? [:]
      return status.stages.enumerated().contains { index, stage in stage.counts != counts[index] ?? StageCounts() }
        || status.totals.waiting > 0
    }
  }
}
