import Database
import FleetKinds
import FleetPlanning
import HTTPService
import ResourceModel
import ResourceStorage
import WireFormats

/// A rollout in numbers, and the customers behind each.
struct RolloutProgress: Sendable {
  static let maximumMessageByteCount = 2_000

  let database: any Database
  let store: SQLResourceStore
  let now: @Sendable () -> Timestamp

  private func find(_ name: String) async throws -> Rollout {
    guard let stored = try await store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name)) else {
      throw StatusError.notFound(RolloutKind.names, name)
    }
    return try stored.value().decoded(as: Rollout.self)
  }

  // MARK: How many

  /// Every stage with its members by state, and what its gate asks for.
  func summary(of name: String) async throws -> JSONValue {
    let rollout = try await find(name)
    let now = now()
    return try await database.transaction(.read) { connection in
      let release = try RolloutSteps.release(rollout.spec.release, connection)
      let counts = try release.map { try RolloutCounters.counts(of: name, releaseID: $0.id, connection) } ?? [:]
      let parts = try release.map { try Self.parts(name, $0.id, connection) } ?? [:]
      let known = Dictionary((rollout.status?.stages ?? []).map { ($0.name, $0) }) { first, _ in first }
      let approved = Set(rollout.spec.approvedStages ?? [])
      let stages = rollout.spec.stages.enumerated().map { index, stage in
        var status = known[stage.name] ?? RolloutStatus.Stage(name: stage.name)
        status.counts = counts[index] ?? StageCounts()
        let thresholds = GateThreshold.all(
          of: stage.gate, stage: status, isApproved: approved.contains(stage.name), now: now)
        var json: JSONValue = [
          "name": .string(stage.name), "phase": .string(status.phase.rawValue),
          "members": .integer(Int64(status.counts.members)),
          "states": Self.json(Self.states(status.counts, parts: parts[index] ?? [:])),
          "thresholds": .array(thresholds.map(\.json)),
        ]
        json["startedAt"] = status.startedAt.map { .string($0.wholeSeconds.description) }
        json["passedAt"] = status.passedAt.map { .string($0.wholeSeconds.description) }
        return json
      }
      var answer: JSONValue = [
        "name": .string(name), "release": .string(rollout.spec.release),
        "state": .string(rollout.spec.state.rawValue),
        "phase": .string((rollout.status?.phase ?? .pending).rawValue),
        "reason": .string(rollout.status?.reason ?? "It has just been made."), "stages": .array(stages),
      ]
      if let release {
        answer["releaseState"] = .string(release.facts.state.rawValue)
        answer["isWithdrawn"] = .bool(release.facts.isWithdrawn)
      }
      if let status = rollout.status {
        answer["haltCause"] = status.haltCause.map { .string($0.rawValue) }
        answer["haltMessage"] = status.haltMessage.map { .string($0) }
        answer["retriedAt"] = status.retriedAt.map { .string($0.description) }
      }
      // What a halt would take back, and what would go on.
      let totals = counts.values.reduce(StageCounts(), +)
      let away = try release.map { try RolloutSteps.begunAndAway(name, $0.id, connection) } ?? 0
      answer["canBeTakenBack"] = .integer(Int64(RolloutPlanner.withdrawable(totals, begunAndAway: away)))
      answer["goesOn"] = .integer(Int64(totals.inProgress + away))
      return answer
    }
  }

  private static func states(_ counts: StageCounts, parts: [TargetState: Int]) -> [TargetState: Int] {
    var states = Dictionary(uniqueKeysWithValues: TargetState.allCases.map { ($0, counts[$0.bucket]) })
    for part in TargetState.parts {
      // The counters and the parts may have been read of two moments.
      let all = counts[part.whole.bucket]
      let count = min(parts[part.state] ?? 0, all)
      states[part.state] = count
      states[part.whole] = all - count
    }
    return states
  }

  private static func json(_ states: [TargetState: Int]) -> JSONValue {
    .object(Dictionary(uniqueKeysWithValues: states.map { ($0.rawValue, .integer(Int64($1))) }))
  }

  /// Of each stage, how many there are of those that are a part of a bucket.
  private static func parts(
    _ rollout: String, _ releaseID: String, _ connection: any SQLConnection
  ) throws -> [Int: [TargetState: Int]] {
    var found: [Int: [TargetState: Int]] = [:]
    for part in TargetState.parts {
      let rows = try connection.query(
        """
        SELECT t."stageIndex", count(*) FROM gcc_deployment_target AS t
        WHERE t."rolloutName" = $1 AND t."releaseId" = $2 AND \(part.state.condition) GROUP BY t."stageIndex"
        """, [.text(rollout), .text(releaseID)])
      for row in rows { found[Int(row[0].integer ?? -1), default: [:]][part.state] = Int(row[1].integer ?? 0) }
    }
    return found
  }

  // MARK: Who

  func targets(of name: String, _ query: QueryItems, _ page: PageRequest) async throws -> JSONValue {
    let rollout = try await find(name)
    var stage: Int?
    if let text = query["stage"] {
      guard let index = rollout.spec.stages.firstIndex(where: { $0.name == text }) else {
        throw StatusError(.badRequest, "stage: the rollout has no stage \"\(text.prefix(80))\"")
      }
      stage = index
    }
    var states: [TargetState] = []
    for word in (query["state"] ?? "").split(separator: ",") {
      guard let state = TargetState(rawValue: String(word)) else {
        let words = TargetState.allCases.map(\.rawValue).joined(separator: ", ")
        throw StatusError(.badRequest, "state: must be of \(words)")
      }
      states.append(state)
    }
    if let text = query["q"], text.utf8.count > OrganizationFilter.maximumTextByteCount || text.utf8.contains(0) {
      throw StatusError(.badRequest, "q: is too long, or no text")
    }
    return try await database.transaction(.read) { [stage, states] connection in
      let dialect = connection.dialect
      guard let release = try RolloutSteps.release(rollout.spec.release, connection) else {
        return ["targets": [], "total": 0]
      }
      var statement = SQLConditions(dialect)
      statement.add("t.\"rolloutName\" = \(statement.parameter(.text(name)))")
      statement.add("t.\"releaseId\" = \(statement.parameter(.text(release.id)))")
      if let stage { statement.add("t.\"stageIndex\" = \(statement.parameter(.integer(Int64(stage))))") }
      if !states.isEmpty {
        statement.add("(\(states.map { "(\($0.condition))" }.joined(separator: " OR ")))")
      }
      if let text = query["q"] {
        let pattern = OrganizationFilter.pattern(text)
        statement.add("lower(t.\"organizationName\") LIKE \(statement.parameter(.text(pattern))) ESCAPE '!'")
      }
      var answer: JSONValue = [:]
      if page.token == nil {
        let total =
          query["q"] == nil
          ? try Self.counted(name, release.id, stage: stage, Set(states), connection)
          : try connection.query(
            "SELECT count(*) FROM gcc_deployment_target AS t \(statement.clause)", statement.parameters
          ).first?[0].integer ?? 0
        answer["total"] = .integer(total)
      }
      let column = "t.\"organizationName\"" + (dialect == .postgresql ? " COLLATE \"C\"" : "")
      if let token = page.token { statement.add("\(column) > \(statement.parameter(.text(token)))") }
      let times = ["offeredAt", "scheduledFor", "startedAt", "completedAt"].map {
        dialect.text(ofTime: "t.\"\($0)\"")
      }
      let rows = try connection.query(
        """
        SELECT t."organizationName", t."stageName", t.bucket, CAST(t.status AS text), t.blocked, t."failureReason",
          t.component, t."errorMessage", t.attempt, t."webhookError", o.health, \(dialect.text(ofTime: "o.\"lastSeen\"")),
          o."currentVersion", \(times.joined(separator: ", "))
        FROM gcc_deployment_target AS t JOIN organizational_service AS o ON o.name = t."organizationName"
        \(statement.clause) ORDER BY \(column) LIMIT \(page.limit + 1)
        """, statement.parameters)
      let (shown, next) = page.page(rows) { $0[0].text ?? "" }
      answer["targets"] = .array(shown.map(Self.json))
      if let next { answer["continue"] = .string(next) }
      return answer
    }
  }

  /// How many there are, by the counters.
  /// - Parameter states: of these; of all where it is empty.
  private static func counted(
    _ rollout: String, _ releaseID: String, stage: Int?, _ states: Set<TargetState>, _ connection: any SQLConnection
  ) throws -> Int64 {
    let counts = try RolloutCounters.counts(of: rollout, releaseID: releaseID, connection)
    // Whole buckets need no look at their parts.
    let isSplit = TargetState.parts.contains { states.contains($0.state) != states.contains($0.whole) }
    let parts = isSplit ? try Self.parts(rollout, releaseID, connection) : [:]
    var total = 0
    for (index, counts) in counts where stage == nil || stage == index {
      for (state, count) in Self.states(counts, parts: parts[index] ?? [:])
      where states.isEmpty || states.contains(state) {
        total += count
      }
    }
    return Int64(total)
  }

  private static func json(_ row: SQLRow) -> JSONValue {
    var json: JSONValue = ["organization": .string(row[0].text ?? "")]
    json["state"] = .string(TargetState(bucket: row[2].text, status: row[3].text)?.rawValue ?? row[2].text ?? "")
    json["phase"] = row[3].text.flatMap { TargetPhase(columnWord: $0) }.map { .string($0.rawValue) }
    for (name, index) in [
      ("stage", 1), ("blocked", 4), ("reason", 5), ("component", 6), ("webhookError", 9), ("health", 10),
      ("currentVersion", 12),
    ] {
      json[name] = row[index].text.map { .string($0) }
    }
    json["message"] = row[7].text.map { .string(String($0.prefix(maximumMessageByteCount))) }
    json["attempt"] = row[8].integer.map { .integer($0) }
    for (name, index) in [
      ("lastSeen", 11), ("offeredAt", 13), ("scheduledFor", 14), ("startedAt", 15), ("completedAt", 16),
    ] {
      json[name] = row[index].time.map { .string($0.wholeSeconds.description) }
    }
    return json
  }
}
