import Database
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// Releases as pages show them.
struct DeploymentViews: Sendable {
  let context: DeploymentContext

  /// `{pending, scheduled, history}` (spec §14.4), and what runs.
  func list(_ request: DeploymentListRequest) async throws -> JSONValue {
    let now = context.now()
    return try await context.database.transaction(.read) { connection in
      let state = try DeploymentState.read(connection, locked: false)
      let scene = try Scene(context, connection, state, now: now)
      var answer: JSONValue = [
        "pending": .array(request.includes(.pending) ? try waiting(request, scene, connection) : []),
        "scheduled": .array(request.includes(.scheduled) ? try scheduled(request, scene, connection) : []),
        "history": [], "currentVersion": state.currentVersion.map { .string($0) } ?? .null,
        "agent": scene.agent,
      ]
      if request.includes(.history), request.status == nil {
        let (history, next) = try history(request, connection)
        answer["history"] = .array(history)
        answer["continue"] = next.map { .string($0) }
      }
      return answer
    }
  }

  /// One release with all of its tasks.
  /// - Parameter id: of its deployment here, or the vendor's id of the release, as the history has it.
  /// - Throws: `StatusError` 404.
  func one(_ id: String) async throws -> JSONValue {
    let now = context.now()
    return try await context.database.transaction(.read) { connection in
      let state = try DeploymentState.read(connection, locked: false)
      let scene = try Scene(context, connection, state, now: now)
      let columns = ScheduledDeployment.columns(connection.dialect)
      guard
        let deployment = try connection.query(
          "SELECT \(columns) FROM scheduled_deployment AS d WHERE d.id = $1 OR d.\"gccReleaseId\" = $1", [.text(id)]
        ).first.map(ScheduledDeployment.init)
      else { throw StatusError(.notFound, "there is no deployment \"\(id.prefix(100))\"") }
      var answer = scene.json(deployment)
      answer["tasks"] = .array(
        try connection.query(
          """
          SELECT \(AgentTask.columns(connection.dialect)) FROM agent_task AS t WHERE t."deploymentId" = $1
          ORDER BY t."createdAt" DESC LIMIT 20
          """, [.text(deployment.id)]
        ).map { scene.json(AgentTask($0)) })
      answer["history"] = .array(
        try connection.query(
          """
          SELECT \(DeploymentHistory.columns(connection.dialect)) FROM deployment_history AS h
          WHERE h."gccReleaseId" = $1 ORDER BY h."deployedAt" DESC LIMIT 20
          """, [.text(deployment.releaseID)]
        ).map { Self.json(DeploymentHistory($0)) })
      return answer
    }
  }

  /// What was not deployed and what was given up since; of what came before the last release that ran, only what may still matter.
  private func waiting(
    _ request: DeploymentListRequest, _ scene: Scene, _ connection: any SQLConnection
  ) throws -> [JSONValue] {
    let dialect = connection.dialect
    let condition =
      request.status == nil
      ? """
      d.status IN (\(LocalDeploymentStatus.sql(where: \.isWaiting)))
        OR d.status IN ('failed', 'rolledBack', 'cancelled') AND NOT EXISTS (SELECT 1 FROM scheduled_deployment AS s
          WHERE s.status = 'success' AND s."receivedAt" > d."receivedAt")
          AND coalesce(d."failureReason", '') <> 'Overtaken'
          AND d."withdrawnAt" IS NULL
      """ : "d.status = \(dialect.word("$1", "LocalDeploymentStatus"))"
    return try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d WHERE \(condition)
      ORDER BY d."receivedAt" DESC, d.id LIMIT \(request.limit)
      """, request.status.map { [.text($0.rawValue)] } ?? []
    ).map { scene.json(ScheduledDeployment($0)) }
  }

  private func scheduled(
    _ request: DeploymentListRequest, _ scene: Scene, _ connection: any SQLConnection
  ) throws -> [JSONValue] {
    let rows = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d
      WHERE d.status IN ('scheduled', 'inProgress') ORDER BY d."scheduledFor", d.id LIMIT \(request.limit)
      """
    ).map(ScheduledDeployment.init)
    var list = rows.filter { request.status == nil || $0.status == request.status }.map(scene.json)
    // A rollback is no release's turn.
    if let task = scene.active, task.isRollback, request.status == nil {
      list.insert(["rollback": true, "task": scene.json(task)], at: 0)
    }
    return list
  }

  private func history(
    _ request: DeploymentListRequest, _ connection: any SQLConnection
  ) throws -> (page: [JSONValue], next: String?) {
    let dialect = connection.dialect
    var parameters: [SQLValue] = []
    var condition = "true"
    if let (time, id) = request.before {
      condition = "(h.\"deployedAt\", h.id) < (\(dialect.time("$1")), $2)"
      parameters = [time.column, .text(id)]
    }
    let rows = try connection.query(
      """
      SELECT \(DeploymentHistory.columns(dialect)) FROM deployment_history AS h WHERE \(condition)
      ORDER BY h."deployedAt" DESC, h.id DESC LIMIT \(request.limit + 1)
      """, parameters
    ).map(DeploymentHistory.init)
    let page = rows.prefix(request.limit)
    let next = rows.count > request.limit ? page.last.map { "\($0.deployedAt)/\($0.id)" } : nil
    return (page.map(Self.json), next)
  }

  static func json(_ history: DeploymentHistory) -> JSONValue {
    var json: JSONValue = [
      "id": .string(history.id), "gccReleaseId": .string(history.releaseID),
      "releaseName": .string(history.releaseName), "version": .string(history.version),
      "deployedAt": .string(history.deployedAt.description), "status": .string(history.status),
      "isRollback": .bool(history.isRollback), "isCurrent": .bool(history.isCurrent),
    ]
    json["helmRevision"] = history.revision.map { .integer($0) }
    json["taskId"] = history.taskID.map { .string($0) }
    json["startedAt"] = history.startedAt.map { .string($0.description) }
    json["errorMessage"] = history.errorMessage.map { .string($0) }
    json["failureReason"] = history.failureReason.map { .string($0) }
    json["requestedBy"] = history.requestedBy.map { .string($0) }
    return json
  }
}

/// What all releases are shown with.
private struct Scene {
  let settings: DeploymentSettings
  let state: DeploymentState
  let active: AgentTask?
  /// What the record's Agent is doing.
  let progress: DesiredDeploymentStatus.Progress?
  let now: Timestamp

  init(
    _ context: DeploymentContext, _ connection: any SQLConnection, _ state: DeploymentState, now: Timestamp
  ) throws {
    settings = context.settings
    self.state = state
    self.now = now
    active = try connection.query(
      """
      SELECT \(AgentTask.columns(connection.dialect)) FROM agent_task AS t WHERE t.status IN ('pending', 'inProgress')
      """
    ).first.map(AgentTask.init)
    let record = try context.store.get(DesiredDeploymentKind.definition, context.recordKey, in: connection)
      .flatMap(DeploymentTransaction.read)
    progress = active?.executor == .record ? record?.object.status?.progress : nil
  }

  var agent: JSONValue {
    [
      "lastPoll": state.lastAgentPoll.map { .string($0.description) } ?? .null,
      "isOnline": .bool(state.lastAgentPoll.map { now - $0 < TaskRule.absence } ?? false),
      "executor": .string(state.executor.rawValue),
    ]
  }

  func json(_ task: AgentTask) -> JSONValue {
    var json = TaskEndpoints.json(task)
    json["status"] = .string(task.status.rawValue)
    json["isRollback"] = .bool(task.isRollback)
    json["attempts"] = .integer(task.attempts)
    json["maxAttempts"] = .integer(task.maximumAttempts)
    func set(_ name: String, _ text: String?) { json[name] = text.map { .string($0) } }
    set("deploymentId", task.deploymentID)
    set("pickedUpAt", task.pickedUpAt?.description)
    set("lastHeartbeat", task.lastHeartbeat?.description)
    set("completedAt", task.completedAt?.description)
    set("errorMessage", task.errorMessage)
    set("failureReason", task.failureReason)
    set("requestedBy", task.requestedBy)
    json["result"] = task.result
    if task.id == active?.id, let progress {
      json["progress"] = [
        "step": .string(progress.step.rawValue), "done": .integer(Int64(progress.done)),
        "total": .integer(Int64(progress.total)), "message": .string(progress.message),
      ]
    }
    return json
  }

  func json(_ deployment: ScheduledDeployment) -> JSONValue {
    var json: JSONValue = [
      "id": .string(deployment.id), "gccReleaseId": .string(deployment.releaseID),
      "releaseName": .string(deployment.releaseName), "version": .string(deployment.version),
      "status": .string(deployment.status.rawValue), "isForced": .bool(deployment.isForced),
      "remindersSent": .integer(deployment.remindersSent), "chartDownloaded": .bool(deployment.isDownloaded),
      "downloadedBytes": .integer(deployment.downloadedBytes),
      "downloadAttempts": .integer(deployment.downloadAttempts), "attempt": .integer(deployment.attempt),
      "isAutomatic": .bool(deployment.isAutomatic), "receivedAt": .string(deployment.receivedAt.description),
    ]
    func set(_ name: String, _ text: String?) { json[name] = text.map { .string($0) } }
    set("forceDeadline", deployment.forceDeadline?.description)
    set("scheduledFor", deployment.scheduledFor?.description)
    set("scheduledBy", deployment.scheduledBy)
    set("startedAt", deployment.startedAt?.description)
    set("completedAt", deployment.completedAt?.description)
    set("errorMessage", deployment.errorMessage)
    set("failureReason", deployment.failureReason)
    set("attemptId", deployment.attemptID)
    set("chartBucketPath", deployment.chartBucketPath)
    set("artifactSha256", deployment.artifactSha256(settings.kind))
    set("downloadError", deployment.downloadError)
    set("nextDownloadAt", deployment.nextDownloadAt?.description)
    set("declinedAt", deployment.declinedAt?.description)
    set("declinedBy", deployment.declinedBy)
    set("declinedReason", deployment.declinedReason)
    set("windowOverride", deployment.windowOverride)
    set("withdrawnAt", deployment.withdrawnAt?.description)
    json["totalBytes"] = deployment.totalBytes.map { .integer($0) }
    json["helmRevision"] = deployment.helmRevision.map { .integer($0) }
    json["preflight"] = deployment.preflight
    if let offer = deployment.offer {
      json["isMigrationRequired"] = .bool(offer.isMigrationRequired)
      json["newNonEssentialEnvs"] = .array(
        offer.newNonEssentialEnvs.map { ["key": .string($0.key), "value": .string($0.value)] })
      set("estimatedDowntime", offer.estimatedDowntime)
      set("minCurrentVersion", offer.minCurrentVersion)
      set("releaseNotes", offer.releaseNotes)
      json["imageTags"] = offer.json["release"]?["imageTags"]
    }
    let isAvailable = deployment.isDownloaded || deployment.mustBeFetchedAgain
    json["canSchedule"] = .bool(
      isAvailable && active == nil && !deployment.status.isActive && deployment.withdrawnAt == nil)
    if let active, active.deploymentID == deployment.id, !active.isRollback { json["task"] = self.json(active) }
    return json
  }
}
