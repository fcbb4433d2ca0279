import CoreKinds
import Database
import FleetKinds
import FleetPlanning
import ReleaseManifest
import ResourceModel
import ResourceStorage
import Synchronization
import WireFormats

/// One step of one rollout.
struct RolloutSteps: Sendable {
  /// Targets that one statement takes back, so that no transaction takes long.
  static let setCount = 2_000

  let database: any Database
  let store: SQLResourceStore
  let members: StageMembers
  let offers: OfferLedger
  let previous: PreviousVersions
  let events: FleetEvents
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String
  let lateJoinerCadence = Cadence(.seconds(10))

  /// A release as a step needs it.
  struct KnownRelease {
    var id: String
    var facts: ReleaseFacts
  }

  /// - Parameters:
  ///   - stored: the rollout as it was read.
  /// - Returns: when it is due again though nothing changes; nil where it is not.
  /// - Throws: `conflict` where it was changed in the meantime: it is to be read and stepped anew.
  func step(_ stored: StoredObject, _ rollout: Rollout) async throws -> Duration? {
    let name = rollout.metadata.name
    // What it would do, for what is to be done in sets beforehand.
    let (known, preview) = try await database.transaction(.read) { connection in
      let release = try Self.release(rollout.spec.release, connection)
      return (release, RolloutPlanner.decide(try self.facts(rollout, release, countsLateJoiners: true, connection)))
    }
    let prepared = preview.actions.filter(Self.isPrepared)
    if let known {
      for action in prepared { try await prepare(action, rollout, known, RolloutGuard(stored)) }
    }
    return try await database.transaction(.write) { connection in
      guard try RolloutGuard(stored).lock(connection) else { return .seconds(1) }
      let release = try Self.release(rollout.spec.release, isLocked: true, connection)
      var decision = RolloutPlanner.decide(try self.facts(rollout, release, countsLateJoiners: false, connection))
      // What came about since the preview, such as a failure that halts it, has not been prepared.
      guard decision.actions.filter(Self.isPrepared).allSatisfy(prepared.contains) else {
        throw RolloutGuard(stored).changed
      }
      if decision.actions.contains(.offerPrevious) {
        // Those that succeeded since are found anew.
        decision.status.previousOffered = preview.status.previousOffered
      }
      let now = self.now()
      for action in decision.actions { try self.carryOut(action, rollout, release, at: now, connection) }
      try self.events.record(
        decision.events.map {
          FleetEvent(
            names: RolloutKind.names, name: name, level: $0.isWarning ? .warning : .normal, reason: $0.reason,
            message: $0.message)
        }, in: connection)
      try self.write(decision.status, of: stored, rollout, connection)
      return decision.nextDue
    }
  }

  // MARK: Facts

  /// - Parameter isLocked: true where offers are made: nobody withdraws it until the transaction ends. Before any write, as
  ///   all who change releases do.
  static func release(
    _ version: String, isLocked: Bool = false, _ connection: any SQLConnection
  ) throws -> KnownRelease? {
    let lock = isLocked && connection.dialect == .postgresql ? " FOR SHARE OF g" : ""
    return try connection.query(
      """
      SELECT g.id, CAST(g.status AS text), g.withdrawn, g."minCurrentVersion", \(hasArtifacts)
      FROM gcc_release AS g WHERE g.version = $1\(lock)
      """, [.text(version)]
    ).first.map { row in
      KnownRelease(
        id: row[0].text ?? "",
        facts: ReleaseFacts(
          version: version, state: row[1].text.flatMap { ReleaseState(columnWord: $0) } ?? .draft,
          isWithdrawn: row[2].boolean ?? false, minCurrentVersion: row[3].text,
          deploymentTypes: deploymentTypes(row[4], row[5])))
    }
  }

  /// Whether there is a chart and whether there is a bundle, of a release named `g`; a draft's digests are with its artifacts.
  static let hasArtifacts = [("helmChartSha256", ArtifactType.helm), ("composeArtifactSha256", .compose)].map {
    column, type in
    """
    coalesce(g."\(column)", '') <> '' OR EXISTS
      (SELECT 1 FROM gcc_artifact AS a WHERE a.version = g.version AND a.type = '\(type.rawValue)')
    """
  }.joined(separator: ", ")

  /// - Parameters: as `hasArtifacts` says.
  static func deploymentTypes(_ chart: SQLValue, _ bundle: SQLValue) -> Set<DeploymentType> {
    Set([(DeploymentType.kubernetes, chart), (.docker, bundle)].filter { $0.1.boolean ?? false }.map(\.0))
  }

  private func facts(
    _ rollout: Rollout, _ release: KnownRelease?, countsLateJoiners: Bool, _ connection: any SQLConnection
  ) throws -> RolloutFacts {
    let name = rollout.metadata.name
    let counts = try release.map { try RolloutCounters.counts(of: name, releaseID: $0.id, connection) } ?? [:]
    let stages = try rollout.spec.stages.enumerated().map { index, stage in
      let hasBegun = rollout.status?.stages.first { $0.name == stage.name }?.startedAt != nil
      return RolloutFacts.Stage(
        counts: counts[index] ?? StageCounts(),
        oldestUnanswered: hasBegun && stage.gate?.silentAfter != nil
          ? try Self.oldestUnanswered(name, index, release?.id ?? "", connection) : nil)
    }
    var lateJoiners = 0
    if countsLateJoiners, let release, RolloutPlanner.wantsLateJoiners(rollout.spec, rollout.status, at: now()),
      lateJoinerCadence.isDue(name, at: now()),
      try rollout.status?.stages.last?.passedAt == nil || Self.isNewest(rollout.spec.release, connection)
    {
      lateJoiners = try Self.lateJoiners(release.id, connection)
    }
    let isAnybodyAway = stages.contains { $0.counts.offline + $0.counts.silent > 0 }
    return RolloutFacts(
      spec: rollout.spec, annotations: rollout.metadata.annotations ?? [:],
      generation: rollout.metadata.generation ?? 1, release: release?.facts, stages: stages, lateJoiners: lateJoiners,
      begunAndAway: isAnybodyAway ? try Self.begunAndAway(name, release?.id ?? "", connection) : 0,
      status: rollout.status, now: now())
  }

  /// How many members of all stages are away in the midst of a deployment.
  static func begunAndAway(
    _ rollout: String, _ releaseID: String, _ connection: any SQLConnection
  ) throws -> Int {
    let row = try connection.query(
      """
      SELECT count(*) FROM gcc_deployment_target
      WHERE "rolloutName" = $1 AND "releaseId" = $2 AND \(FleetTables.hasBegunAndIsAway)
      """, [.text(rollout), .text(releaseID)]
    ).first
    return Int(row?[0].integer ?? 0)
  }

  private static func oldestUnanswered(
    _ rollout: String, _ stage: Int, _ releaseID: String, _ connection: any SQLConnection
  ) throws -> Timestamp? {
    let since = [("notifying", "offeredAt"), ("consent", "offeredAt"), ("inProgress", "startedAt")]
    return try since.compactMap { bucket, column in
      try connection.query(
        """
        SELECT \(connection.dialect.text(ofTime: "min(\"\(column)\")")) FROM gcc_deployment_target
        WHERE "rolloutName" = $1 AND "stageIndex" = $2 AND bucket = '\(bucket)' AND "releaseId" = $3
        """, [.text(rollout), .integer(Int64(stage)), .text(releaseID)]
      ).first?[0].time
    }.min()
  }

  /// How many organizations have no target of the release; counted up to a thousand.
  private static func lateJoiners(_ releaseID: String, _ connection: any SQLConnection) throws -> Int {
    let row = try connection.query(
      """
      SELECT count(*) FROM (SELECT 1 FROM organizational_service AS o WHERE NOT EXISTS
        (SELECT 1 FROM gcc_deployment_target AS t WHERE t."releaseId" = $1 AND t."organizationName" = o.name)
        LIMIT 1000) AS late
      """, [.text(releaseID)]
    ).first
    return Int(row?[0].integer ?? 0)
  }

  /// Whether no newer release is published; of those that are no pre-releases, where this is none.
  private static func isNewest(_ version: String, _ connection: any SQLConnection) throws -> Bool {
    guard let own = SemanticVersion(version) else { return false }
    return try connection.query(
      "SELECT version FROM gcc_release WHERE status = 'published' AND withdrawn = \(connection.dialect.boolean(false))"
    ).compactMap { $0[0].text.flatMap(SemanticVersion.init) }
      .allSatisfy { $0 <= own || ($0.isPreRelease && !own.isPreRelease) }
  }

  /// Rollouts that have completed, of a release that is still the newest.
  static func completedOfTheNewest(_ connection: any SQLConnection) throws -> Set<String> {
    let dialect = connection.dialect
    let found = try connection.query(
      """
      SELECT o.name, g.version FROM gcc_rollout AS o JOIN gcc_release AS g
        ON g.version = \(RolloutFields.release("o", dialect)) AND g.status = 'published'
        AND g.withdrawn = \(dialect.boolean(false))
      WHERE \(RolloutFields.phase("o", dialect)) = '\(RolloutStatus.Phase.completed.rawValue)'
      """)
    let versions = Set(found.compactMap { $0[1].text })
    let newest = try versions.filter { try isNewest($0, connection) }
    return Set(found.filter { $0[1].text.map(newest.contains) ?? false }.compactMap { $0[0].text })
  }

  // MARK: Actions

  /// Whether an action is done in sets of its own.
  private static func isPrepared(_ action: RolloutAction) -> Bool {
    switch action {
    case .fixMembers, .admitLateJoiners, .retryFailed, .offerPrevious: true
    case .offer, .markSilent, .withdrawUnanswered: false
    }
  }

  /// What is done in sets of their own, before the step that records it.
  private func prepare(
    _ action: RolloutAction, _ rollout: Rollout, _ release: KnownRelease, _ current: RolloutGuard
  ) async throws {
    switch action {
    case .fixMembers(let index), .admitLateJoiners(let index):
      let stage = rollout.spec.stages[index]
      let place = StageMembers.Place(
        rollout: rollout.metadata.name, stage: stage.name, index: index, releaseID: release.id,
        version: rollout.spec.release)
      try await fix(stage, place, current)
    case .retryFailed(let includingWithdrawn):
      while try await retry(rollout.metadata.name, release.id, includingWithdrawn: includingWithdrawn, current)
        == Self.setCount
      {}
    case .offerPrevious:
      try await previous.offer(
        toThoseThatRun: rollout.spec.release, by: rollout.metadata.name, releaseID: release.id, while: current)
    case .offer, .markSilent, .withdrawUnanswered: break
    }
  }

  private func fix(
    _ stage: RolloutSpec.Stage, _ place: StageMembers.Place, _ current: RolloutGuard
  ) async throws {
    switch stage.membership {
    case .everyoneLeft:
      var last: String? = ""
      while let after = last { last = try await members.addEveryoneLeft(to: place, after: after, while: current) }
    case .organizations(let names): try await members.add(names, to: place, while: current)
    case .labels, .percent, .count:
      var isByLabels = false
      if case .labels = stage.membership { isByLabels = true }
      let all = try await members.candidates(place, withLabels: isByLabels)
      // Those that a killed process has put here already are still to be chosen from.
      let free = all.filter { $0.stage == place.index || ($0.stage == nil && !$0.isTakenElsewhere) }
      let chosen = StageMembership.members(
        of: stage, among: free.map { StageMembership.Candidate(name: $0.name, labels: $0.labels) },
        release: place.version)
      try await members.add(
        chosen.filter { free[$0].stage == nil }.map { free[$0].name }, to: place, while: current)
      // The stage may have been another when a process that was killed began to fix it.
      let kept = Set(chosen)
      try await members.remove(
        free.indices.filter { free[$0].stage == place.index && !kept.contains($0) }.map { free[$0].name }, from: place,
        while: current)
    }
  }

  private func retry(
    _ rollout: String, _ releaseID: String, includingWithdrawn: Bool, _ current: RolloutGuard
  ) async throws -> Int {
    let now = now()
    return try await database.transaction(.write) { connection in
      try current.require(connection)
      let dialect = connection.dialect
      let withdrawn =
        includingWithdrawn
        ? " OR (t.bucket = 'cancelled' AND t.\"failureReason\" = '\(TargetReason.rolloutHalted)')" : ""
      let rows = try connection.query(
        """
        SELECT \(TargetRows.columns(dialect)) FROM gcc_deployment_target AS t
        WHERE t."rolloutName" = $1 AND t."releaseId" = $2 AND (t.bucket = 'failed'\(withdrawn))
        ORDER BY t.id LIMIT \(Self.setCount)
        """ + dialect.forUpdate(of: "t"), [.text(rollout), .text(releaseID)]
      ).map { row in
        var target = TargetRows.row(row)
        target.facts = target.facts.retried()
        return target
      }
      try TargetRows.write(rows, sentWebhooks: [], at: now, connection)
      return rows.count
    }
  }

  private func carryOut(
    _ action: RolloutAction, _ rollout: Rollout, _ release: KnownRelease?, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws {
    guard let release else { return }
    let (dialect, name) = (connection.dialect, rollout.metadata.name)
    switch action {
    case .offer(let stage, let count):
      try offers.offer(
        .stage(rollout: name, index: stage, releaseID: release.id, count: count), of: release.facts, at: now,
        in: connection)
    case .markSilent(let stage, let limit):
      try connection.execute(
        """
        UPDATE gcc_deployment_target SET silent = \(dialect.boolean(true)), resource_version = 0
        WHERE id IN (SELECT id FROM gcc_deployment_target
          WHERE "rolloutName" = $1 AND "stageIndex" = $2 AND "releaseId" = $4 AND (
            bucket IN ('notifying', 'consent') AND "offeredAt" < \(dialect.time("$3"))
            OR bucket = 'inProgress' AND "startedAt" < \(dialect.time("$3"))) ORDER BY id LIMIT \(Self.setCount))
        """, [.text(name), .integer(Int64(stage)), limit.column, .text(release.id)])
    case .withdrawUnanswered:
      try connection.execute(
        """
        UPDATE gcc_deployment_target SET status = \(dialect.word("'cancelled'", "DeploymentStatus")),
          "failureReason" = '\(TargetReason.rolloutHalted)', "completedAt" = \(dialect.time("$2")),
          "updatedAt" = \(dialect.time("$2")), "scheduledFor" = NULL,
          attempt = CASE WHEN status <> 'scheduled' AND (status <> 'deadlineExceeded' OR "scheduledFor" IS NULL) THEN attempt WHEN attempt > 0 THEN attempt - 1 END,
          "attemptId" = \(Self.withdrawnAttempt),
          resource_version = 0
        WHERE id IN (SELECT id FROM gcc_deployment_target WHERE "rolloutName" = $1 AND "releaseId" = $3
          AND bucket IN ('waiting', 'notifying', 'consent', 'silent', 'offline', 'scheduled') AND status <> 'inProgress'
          ORDER BY id LIMIT \(Self.setCount))
        """, [.text(name), now.column, .text(release.id)])
    case .fixMembers, .admitLateJoiners, .retryFailed, .offerPrevious: break
    }
  }

  // MARK: Status

  private func write(
    _ status: RolloutStatus, of stored: StoredObject, _ rollout: Rollout, _ connection: any SQLConnection
  ) throws {
    guard status != rollout.status else { return }
    var object = try stored.value()
    object["status"] = try JSONValue(encoding: status)
    let outcome = try store.write(
      RolloutKind.definition, [.update(object: object, expected: stored.revision)], in: connection)
    // What was decided on another state is not written, nor anything that goes with it.
    for result in outcome { _ = try result.get() }
  }
}

/// Says when something that costs much is due again, for each of several.
final class Cadence: Sendable {
  private let interval: Duration
  private let last = Mutex<[String: Timestamp]>([:])

  init(_ interval: Duration) { self.interval = interval }

  func isDue(_ name: String, at now: Timestamp) -> Bool {
    last.withLock { last in
      if let before = last[name], now - before < interval, now >= before { return false }
      last[name] = now
      return true
    }
  }
}
