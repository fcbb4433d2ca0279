import Access
import Accounts
import Database
import FleetProtocol
import HTTPService
import HTTPTypes
import Hummingbird
import OfferPlanning
import ResourceModel
import WireFormats

/// What admins see and decide of releases (spec §14.4).
struct DeploymentEndpoints: Sendable {
  let scheduler: DeploymentScheduler
  let artifacts: ArtifactSource
  let environments: ComposeEnvironments
  /// What an admin decides is looked at at once.
  let wake: @Sendable () -> Void

  static let maximumBodyByteCount = 64 << 10
  static let maximumReasonCharacters = 1_000

  private var database: any Database { scheduler.context.database }

  func addRoutes(to router: Router<ServiceContext>) {
    let views = DeploymentViews(context: scheduler.context)
    router.endpoint(
      "/api/admin/deployment/releases",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(try await views.list(DeploymentListRequest(request.uri.query)))
        }
      ])
    router.endpoint(
      "/api/admin/deployment/releases/{id}",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(try await views.one(try context.parameters.require("id")))
        }
      ])
    router.endpoint("/api/admin/deployment/schedule", [.post: { try await schedule($0, $1) }])
    router.endpoint("/api/admin/deployment/rollback", [.post: { try await rollBack($0, $1) }])
    router.endpoint("/api/admin/deployment/cancel", [.post: { try await cancel($0, $1) }])
    router.endpoint("/api/admin/deployment/decline", [.post: { try await decline($0, $1) }])
  }

  private func schedule(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let (caller, body) = try await Self.body(request, context, isRecent: true)
    let wanted = ScheduleRequest(
      deploymentID: try body.required("deploymentId"), scheduledFor: try body.time("scheduledFor"),
      actor: caller.identity.name, roles: caller.identity.roleText, address: context.peer ?? "",
      windowOverride: try body.text("windowOverride", maximum: Self.maximumReasonCharacters))
    try await requireArtifact(for: wanted)
    let task = try await database.transaction(.write) { [scheduler] in try scheduler.schedule(wanted, in: $0) }
    wake()
    return .json([
      "scheduled": true, "taskId": .string(task.id), "scheduledFor": .string(task.executeAfter.description),
    ])
  }

  private func rollBack(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let (caller, body) = try await Self.body(request, context, isRecent: true)
    let target: RollbackRequest.Target
    switch (try body.integer("targetRevision"), try body.text("targetVersion", maximum: 128)) {
    case (let revision?, nil): target = .revision(revision)
    case (nil, let version?): target = .version(version.hasPrefix("v") ? String(version.dropFirst()) : version)
    case (nil, nil), (_?, _?):
      throw StatusError(.badRequest, "the body must have either targetRevision or targetVersion")
    }
    let wanted = RollbackRequest(
      target: target, actor: caller.identity.name, roles: caller.identity.roleText, address: context.peer ?? "",
      reason: try body.text("reason", maximum: Self.maximumReasonCharacters))
    try await requireArtifact(for: wanted)
    let task = try await database.transaction(.write) { [scheduler] in try scheduler.rollBack(wanted, in: $0) }
    wake()
    return .json(["rollbackInitiated": true, "taskId": .string(task.id)])
  }

  /// What has ended may have left the bucket since.
  private func requireArtifact(for request: ScheduleRequest) async throws {
    let deployment = try await database.transaction(.write) { connection in
      try ScheduledDeployment.find(id: request.deploymentID, in: connection)
    }
    guard let deployment, deployment.mustBeFetchedAgain else { return }
    try await requireArtifact(
      deployment.version, at: scheduler.context.settings.artifactPath(version: deployment.version))
  }

  /// What is returned to must be in the bucket, or come back there (spec §9.1).
  func requireArtifact(for request: RollbackRequest) async throws {
    let context = scheduler.context
    let found: (target: RollbackTarget, executor: TaskExecutor)? = try await context.transaction { transaction in
      // Whoever cannot roll back now is told so first.
      guard try AgentTask.active(in: transaction.connection) == nil else { return nil }
      return (try RollbackTarget.find(request.target, transaction: &transaction), transaction.state.executor)
    }
    guard let (target, executor) = found, let version = target.version, !target.needsNoArtifact(context.settings)
    else { return }
    // What the Agent that watches returns to by its own history, it has kept the settings of.
    if executor == .tasks || target.recordRevision == nil, let path = target.environmentPath(context.settings),
      try await !environments.has(path)
    {
      throw StatusError(.notFound, DeploymentScheduler.notAvailable)
    }
    try await requireArtifact(
      version, at: target.release?.bucketPath ?? context.settings.artifactPath(version: version))
  }

  private func requireArtifact(_ version: String, at path: String) async throws {
    switch try await artifacts.require(version, path) {
    case .available: return
    case .coming(let problem):
      throw StatusError(
        .serviceUnavailable,
        "v\(version) is being fetched from the vendor, since the bucket has it no more: try again soon"
          + (problem.map { "; the last try failed: \($0)" } ?? ""),
        retryAfterSeconds: 30)
    case .unavailable: throw StatusError(.notFound, DeploymentScheduler.notAvailable)
    }
  }

  private func cancel(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let (caller, body) = try await Self.body(request, context)
    let withdrawal = try Self.withdrawal(caller, context, body)
    let id = try body.text("deploymentId", maximum: 128)
    let task = try await database.transaction(.write) { [scheduler] in
      try scheduler.cancel(deploymentID: id, withdrawal, in: $0)
    }
    wake()
    var answer: JSONValue = ["cancelled": true]
    answer["taskId"] = task.map { .string($0.id) }
    return .json(answer)
  }

  private func decline(_ request: Request, _ context: ServiceContext) async throws -> Response {
    let (caller, body) = try await Self.body(request, context)
    let withdrawal = try Self.withdrawal(caller, context, body)
    let id = try body.required("deploymentId")
    let isTakenBack = try body.bool("undo") ?? false
    guard isTakenBack || withdrawal.reason != nil else {
      throw StatusError(.badRequest, "reason: is missing: say why not now, for whoever looks at it later")
    }
    try await database.transaction(.write) { [scheduler] in
      try scheduler.decline(id, withdrawal, isTakenBack: isTakenBack, in: $0)
    }
    return .json(["declined": .bool(!isTakenBack)])
  }

  private static func withdrawal(
    _ caller: Caller, _ context: ServiceContext, _ body: RequestBodyReader
  ) throws(StatusError) -> WithdrawalRequest {
    WithdrawalRequest(
      actor: caller.identity.name, roles: caller.identity.roleText, address: context.peer ?? "",
      reason: try body.text("reason", maximum: maximumReasonCharacters))
  }

  private static func body(
    _ request: Request, _ context: ServiceContext, isRecent: Bool = false
  ) async throws -> (Caller, RequestBodyReader) {
    let caller = try EndpointCaller.require(context, request)
    if isRecent { try caller.requireRecentAuthentication() }
    let bytes = try await JSONBody.read(request, maximumBytes: maximumBodyByteCount)
    try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
    return (caller, RequestBodyReader(json: try JSONBody.parse(bytes)))
  }
}

/// Reads the members of a request's body.
struct RequestBodyReader: Sendable {
  let json: JSONValue

  func required(_ name: String) throws(StatusError) -> String {
    guard let text = try text(name, maximum: 128) else { throw StatusError(.badRequest, "\(name): is missing") }
    return text
  }

  /// Nil where it is absent, empty or blank.
  func text(_ name: String, maximum: Int) throws(StatusError) -> String? {
    switch json[name] ?? .null {
    case .null, "": return nil
    case .string(let text):
      guard text.unicodeScalars.count <= maximum else {
        throw StatusError(.badRequest, "\(name): must have at most \(maximum) characters")
      }
      // Blanks say nothing, and are no reason.
      let cleaned = ReportText.cleaned(text)
      return cleaned.allSatisfy(\.isWhitespace) ? nil : cleaned
    case let other: throw StatusError(.badRequest, "\(name): must be text, not \(other.typeName)")
    }
  }

  func integer(_ name: String) throws(StatusError) -> Int64? {
    switch json[name] ?? .null {
    case .null: return nil
    case .integer(let number) where (1...Int64(Int32.max)).contains(number): return number
    case let other:
      throw StatusError(.badRequest, "\(name): must be a whole number from 1, not \(other.text.prefix(40))")
    }
  }

  func bool(_ name: String) throws(StatusError) -> Bool? {
    switch json[name] ?? .null {
    case .null: return nil
    case .bool(let value): return value
    case let other: throw StatusError(.badRequest, "\(name): must be true or false, not \(other.typeName)")
    }
  }

  func time(_ name: String) throws(StatusError) -> Timestamp? {
    guard let text = try text(name, maximum: 64) else { return nil }
    guard let time = Timestamp(text) else {
      throw StatusError(.badRequest, "\(name): must be a time with its zone, such as 2024-12-15T02:00:00Z")
    }
    return time
  }
}
