import CoreKinds
import Database
import FleetKinds
import FleetPlanning
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

  /// A release as a step needs it.
  private struct KnownRelease {
    var id: String
    var facts: ReleaseFacts
  }

  /// - Parameters:
  ///   - stored: the rollout as it was read.
  /// - Returns: when it is due again though nothing changes; nil where it is not.
  /// - Throws: `conflict` where it was changed in the meantime; nothing is done then.
  func step(_ stored: StoredObject, _ rollout: Rollout) async throws -> Duration? {
    let name = rollout.metadata.name
    // What it would do, for what is to be done in sets beforehand.
    let preview = try await database.transaction(.read) { connection in
      let release = try Self.release(rollout.spec.release, connection)
      return (release, RolloutPlanner.decide(try self.facts(rollout, release, connection)))
    }
    if let release = preview.0 {
      for action in preview.1.actions { try await prepare(action, rollout, release) }
    }
    return try await database.transaction(.write) { connection in
      guard try Self.lock(name, connection) else { return .seconds(1) }
      let release = try Self.release(rollout.spec.release, connection)
      let decision = RolloutPlanner.decide(try self.facts(rollout, release, connection))
      let now = self.now()
      for action in decision.actions { try self.carryOut(action, rollout, release?.facts, at: now, connection) }
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

  private static func release(_ version: String, _ connection: any SQLConnection) throws -> KnownRelease? {
    try connection.query(
      """
      SELECT id, CAST(status AS text), withdrawn, "minCurrentVersion" FROM gcc_release WHERE version = $1
      """, [.text(version)]
    ).first.map { row in
      KnownRelease(
        id: row[0].text ?? "",
        facts: ReleaseFacts(
          version: version, state: row[1].text.flatMap { ReleaseState(columnWord: $0) } ?? .draft,
          isWithdrawn: row[2].boolean ?? false, minCurrentVersion: row[3].text))
    }
  }

  private func facts(
    _ rollout: Rollout, _ release: KnownRelease?, _ connection: any SQLConnection
  ) throws -> RolloutFacts {
    let name = rollout.metadata.name
    let counts = try RolloutCounters.counts(of: name, connection)
    let stages = try rollout.spec.stages.enumerated().map { index, stage in
      let hasBegun = rollout.status?.stages.first { $0.name == stage.name }?.startedAt != nil
      return RolloutFacts.Stage(
        counts: counts[index] ?? StageCounts(),
        oldestUnanswered: hasBegun && stage.gate?.silentAfter != nil
          ? try Self.oldestUnanswered(name, index, connection) : nil)
    }
    var lateJoiners = 0
    if let release, RolloutPlanner.wantsLateJoiners(rollout.spec, rollout.status) {
      lateJoiners = try Self.lateJoiners(release.id, connection)
    }
    return RolloutFacts(
      spec: rollout.spec, annotations: rollout.metadata.annotations ?? [:],
      generation: rollout.metadata.generation ?? 1, release: release?.facts, stages: stages, lateJoiners: lateJoiners,
      status: rollout.status, now: now())
  }

  private static func oldestUnanswered(
    _ rollout: String, _ stage: Int, _ connection: any SQLConnection
  ) throws -> Timestamp? {
    let time = connection.dialect.text(ofTime: "min(\"offeredAt\")")
    return try ["notifying", "consent"].compactMap { bucket in
      try connection.query(
        """
        SELECT \(time) FROM gcc_deployment_target
        WHERE "rolloutName" = $1 AND "stageIndex" = $2 AND bucket = '\(bucket)'
        """, [.text(rollout), .integer(Int64(stage))]
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

  /// Another process that steps it has it alone.
  private static func lock(_ name: String, _ connection: any SQLConnection) throws -> Bool {
    try !connection.query(
      "SELECT 1 FROM gcc_rollout WHERE name = $1" + connection.dialect.forUpdate(of: "gcc_rollout", skipsLocked: true),
      [.text(name)]
    ).isEmpty
  }

  // MARK: Actions

  /// What is done in sets of their own, before the step that records it.
  private func prepare(_ action: RolloutAction, _ rollout: Rollout, _ release: KnownRelease) async throws {
    switch action {
    case .fixMembers(let index), .admitLateJoiners(let index):
      let stage = rollout.spec.stages[index]
      let place = StageMembers.Place(
        rollout: rollout.metadata.name, stage: stage.name, index: index, releaseID: release.id,
        version: rollout.spec.release)
      try await fix(stage, place)
    case .retryFailed(let includingWithdrawn):
      while try await retry(rollout.metadata.name, includingWithdrawn: includingWithdrawn) == Self.setCount {}
    case .offerPrevious:
      try await previous.offer(toThoseThatRun: rollout.spec.release, by: rollout.metadata.name, releaseID: release.id)
    case .offer, .markSilent, .withdrawUnanswered: break
    }
  }

  private func fix(_ stage: RolloutSpec.Stage, _ place: StageMembers.Place) async throws {
    switch stage.membership {
    case .everyoneLeft:
      var last: String? = ""
      while let after = last { last = try await members.addEveryoneLeft(to: place, after: after) }
    case .organizations(let names): try await members.add(names, to: place)
    case .labels, .percent, .count:
      var isByLabels = false
      if case .labels = stage.membership { isByLabels = true }
      let all = try await members.candidates(place, withLabels: isByLabels)
      // Those that a killed process has put here already are still to be chosen from.
      let free = all.filter { $0.stage == place.index || ($0.stage == nil && !$0.isTakenElsewhere) }
      let chosen = StageMembership.members(
        of: stage, among: free.map { StageMembership.Candidate(name: $0.name, labels: $0.labels) },
        release: place.version)
      try await members.add(chosen.filter { free[$0].stage == nil }.map { free[$0].name }, to: place)
    }
  }

  private func retry(_ rollout: String, includingWithdrawn: Bool) async throws -> Int {
    let now = now()
    return try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let withdrawn =
        includingWithdrawn
        ? " OR (t.bucket = 'cancelled' AND t.\"failureReason\" = '\(TargetReason.rolloutHalted)')" : ""
      let rows = try connection.query(
        """
        SELECT \(TargetRows.columns(dialect)) FROM gcc_deployment_target AS t
        WHERE t."rolloutName" = $1 AND (t.bucket = 'failed'\(withdrawn)) ORDER BY t.id LIMIT \(Self.setCount)
        """ + dialect.forUpdate(of: "t"), [.text(rollout)]
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
    _ action: RolloutAction, _ rollout: Rollout, _ release: ReleaseFacts?, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws {
    let (dialect, name) = (connection.dialect, rollout.metadata.name)
    switch action {
    case .offer(let stage, let count):
      guard let release else { return }
      try offers.offer(.stage(rollout: name, index: stage, count: count), of: release, at: now, in: connection)
    case .markSilent(let stage, let limit):
      try connection.execute(
        """
        UPDATE gcc_deployment_target SET silent = \(dialect.boolean(true)), resource_version = 0
        WHERE "rolloutName" = $1 AND "stageIndex" = $2 AND bucket IN ('notifying', 'consent')
          AND "offeredAt" < \(dialect.time("$3"))
        """, [.text(name), .integer(Int64(stage)), limit.column])
    case .withdrawUnanswered:
      try connection.execute(
        """
        UPDATE gcc_deployment_target SET status = \(dialect.word("'cancelled'", "DeploymentStatus")),
          "failureReason" = '\(TargetReason.rolloutHalted)', "completedAt" = \(dialect.time("$2")),
          "updatedAt" = \(dialect.time("$2")), "scheduledFor" = NULL,
          attempt = CASE WHEN status <> 'scheduled' THEN attempt WHEN attempt > 0 THEN attempt - 1 END,
          resource_version = 0
        WHERE id IN (SELECT id FROM gcc_deployment_target WHERE "rolloutName" = $1
          AND bucket IN ('waiting', 'notifying', 'consent', 'silent', 'offline', 'scheduled')
          ORDER BY id LIMIT \(Self.setCount))
        """, [.text(name), now.column])
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

  // MARK: Blocked targets

  /// Decides anew of targets that were passed over: a licence may have been renewed, or a version in between reached.
  /// - Parameter after: the id with which the set before ended; empty for the first.
  /// - Returns: the id with which the next set begins; nil where this was the last.
  func recheckBlocked(after last: String) async throws -> String? {
    let now = now()
    return try await database.transaction(.write) { connection in
      let rows = try connection.query(
        """
        SELECT t.id, t."releaseVersion", t."rolloutName" FROM gcc_deployment_target AS t
        JOIN gcc_release AS g ON g.id = t."releaseId" AND g.status = 'published'
          AND g.withdrawn = \(connection.dialect.boolean(false))
        WHERE t.bucket = 'blocked' AND t.id > $1 ORDER BY t.id LIMIT 1000
        """, [.text(last)])
      var byRollout: [String: [String: [String]]] = [:]
      for row in rows {
        byRollout[row[2].text ?? "", default: [:]][row[1].text ?? "", default: []].append(row[0].text ?? "")
      }
      for (rollout, targets) in byRollout.sorted(by: { $0.key < $1.key }) where try self.isOffering(rollout, connection)
      {
        for (version, ids) in targets {
          guard let release = try Self.release(version, connection) else { continue }
          try self.offers.offer(.targets(ids), of: release.facts, at: now, in: connection)
        }
      }
      return rows.count == 1000 ? rows.last?[0].text : nil
    }
  }

  /// Whether a rollout offers its release to more customers: neither paused nor halted.
  private func isOffering(_ rollout: String, _ connection: any SQLConnection) throws -> Bool {
    guard !rollout.isEmpty else { return true }
    let text = try connection.query("SELECT object FROM gcc_rollout WHERE name = $1", [.text(rollout)]).first?[0].text
    guard let text, let object = try? JSONValue(parsing: Array(text.utf8)) else { return false }
    let phase = object["status"]?["phase"]?.string
    return object["spec"]?["state"]?.string != "Paused" && (phase == "Progressing" || phase == "Completed")
  }

  // MARK: Releases without a rollout

  /// A release that is published without a rollout reaches everyone at once: it gets a rollout that says so. That is decided once,
  /// so that a rollout which is deleted later does not let the release loose.
  func decideUnplannedReleases() async throws {
    let releases = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT version FROM gcc_release
        WHERE status = 'published' AND "isRolloutDecided" = \(connection.dialect.boolean(false)) ORDER BY version LIMIT 100
        """
      ).compactMap { $0[0].text }
    }
    for version in releases {
      let selector = ObjectSelector(fields: [.equals(path: "spec.release", value: version)])
      let hasRollout = try await !store.list(RolloutKind.definition, ListQuery(selector: selector, limit: 1)).items
        .isEmpty
      let now = now()
      // Not `nil`, which is also a JSON value.
      let object = hasRollout ? Optional<JSONValue>.none : try everyone(version)
      try await database.transaction(.write) { connection in
        let isMine = try connection.execute(
          """
          UPDATE gcc_release SET "isRolloutDecided" = \(connection.dialect.boolean(true)), resource_version = 0,
            "publishedAt" = coalesce("publishedAt", \(connection.dialect.time("$2"))),
            "helmChartSha256" = CASE "helmChartSha256" WHEN '' THEN coalesce((\(Self.digest("helm"))), '')
              ELSE "helmChartSha256" END,
            "composeArtifactSha256" = coalesce("composeArtifactSha256", (\(Self.digest("compose"))))
          WHERE version = $1 AND "isRolloutDecided" = \(connection.dialect.boolean(false))
          """, [.text(version), now.column])
        guard isMine > 0, let object else { return }
        for result in try self.store.write(RolloutKind.definition, [.create(object: object)], in: connection) {
          // One of that name is somebody's plan.
          if case .failure(let error) = result, error.reason != .alreadyExists { throw error }
        }
      }
    }
  }

  /// Of a release that was published as an object, which names no artifact.
  private static func digest(_ type: String) -> String {
    "SELECT a.sha256 FROM gcc_artifact AS a WHERE a.version = gcc_release.version AND a.type = '\(type)'"
  }

  /// Versions of rollouts that have not ended: of stages that have not begun there are no targets yet.
  static func neededVersions(_ connection: any SQLConnection) throws -> Set<String> {
    let phase = connection.dialect == .postgresql ? "object::jsonb #>> '{status,phase}'" : "object ->> '$.status.phase'"
    let release =
      connection.dialect == .postgresql ? "object::jsonb #>> '{spec,release}'" : "object ->> '$.spec.release'"
    return Set(
      try connection.query(
        "SELECT \(release) FROM gcc_rollout WHERE coalesce(\(phase), '') <> 'Completed'"
      ).compactMap { $0[0].text })
  }

  private func everyone(_ version: String) throws -> JSONValue {
    var metadata = ObjectMeta(name: "release-\(version)")
    metadata.uid = makeID()
    metadata.generation = 1
    metadata.creationTimestamp = now().wholeSeconds
    return try JSONValue(
      encoding: Rollout(
        metadata: metadata, spec: RolloutSpec(release: version, stages: [RolloutSpec.Stage(name: "everyone")])))
  }
}
