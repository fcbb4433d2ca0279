import Database
import FleetKinds
import FleetPlanning
import Logging
import Reconciliation
import ResourceModel
import ResourceStorage
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
    loop = DueLoop(
      longestWait: configuration.longestInterval, backoff: Backoff(maximum: .seconds(30)), clock: clock, logger: logger)
  }

  /// Something may have changed.
  func wake() { loop.wake() }

  func run() async throws {
    let beside = [Task { await watch() }, Task { await recheck() }]
    await withGracefulShutdownHandler {
      await loop.run {
        let due = try await self.pass()
        try? await self.clock.sleep(for: self.configuration.shortestInterval)
        return due.map { .after($0) } ?? .whenWoken
      }
    } onGracefulShutdown: { [loop] in
      loop.stop()
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

  /// One step of each rollout that is not over.
  /// - Returns: when the next is due though nothing changes; nil where none is.
  func pass() async throws -> Duration? {
    try await steps.decideUnplannedReleases()
    let rollouts = try await rollouts()
    let known = try await known(Set(rollouts.map(\.rollout.spec.release)))
    var due: Duration?
    for (stored, rollout) in rollouts where Self.isActive(rollout, known) {
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
      }
    }
    try await takeBackOrphans(rollouts.map(\.rollout), known)
    return due
  }

  private func rollouts() async throws -> [(stored: StoredObject, rollout: Rollout)] {
    var rollouts: [(StoredObject, Rollout)] = []
    var query = ListQuery()
    repeat {
      let page = try await store.list(RolloutKind.definition, query)
      for item in page.items {
        guard let rollout = try? item.value().decoded(as: Rollout.self) else { continue }
        rollouts.append((item, rollout))
      }
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return rollouts
  }

  /// What all rollouts are looked at with.
  struct Known: Sendable {
    /// By `RolloutCounters.key`.
    var counts: [String: [Int: StageCounts]] = [:]
    /// By version.
    var releases: [String: (id: String, isWithdrawn: Bool)] = [:]
  }

  private func known(_ versions: Set<String>) async throws -> Known {
    let set = RowSet("version", of: versions)
    return try await database.transaction(.read) { connection in
      var known = Known(counts: try RolloutCounters.all(connection))
      for row in try connection.query(
        """
        SELECT version, id, withdrawn FROM gcc_release
        WHERE version IN (SELECT r.version FROM \(set.source(connection.dialect)))
        """, [set.parameter])
      { known.releases[row[0].text ?? ""] = (row[1].text ?? "", row[2].boolean ?? false) }
      return known
    }
  }

  /// Targets whose rollout is gone.
  private func takeBackOrphans(_ rollouts: [Rollout], _ known: Known) async throws {
    let kept = Set(
      rollouts.compactMap { rollout in
        known.releases[rollout.spec.release].map {
          RolloutCounters.key(rollout.metadata.name, releaseID: $0.id)
        }
      })
    for key in known.counts.keys.sorted() where !kept.contains(key) {
      guard let slash = key.lastIndex(of: "/") else { continue }
      while try await steps.takeBack(
        orphansOf: String(key[..<slash]), releaseID: String(key[key.index(after: slash)...]))
      {}
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
