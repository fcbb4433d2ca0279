import Database
import FleetProtocol
import Logging
import ObjectStorage
import OfferPlanning
import ResourceModel
import WireFormats

/// Tasks as an Agent of the specification sees them: it polls, says that it has begun, that it lives, and how it ended (spec §6.3,
/// §14.3). What comes twice, late or in another order changes nothing.
struct PolledTasks: Sendable {
  let context: DeploymentContext
  let environments: ComposeEnvironments
  let logger: Logger

  /// How long a task that was handed out and not begun is kept for whom it was handed out to.
  static let claimTime: Duration = .seconds(60)

  private enum Offer: Sendable {
    case nothing
    /// What a rollback needs is to be saved first.
    case prepare(AgentTask, running: String?)
    case task(AgentTask)
  }

  // MARK: Polls

  /// The task that is due, for the Agent of that name; nil where there is none, or another Agent looks after it.
  func take(by agent: String) async throws -> AgentTask? {
    switch try await offer(to: agent, isPrepared: context.settings.kind == .kubernetes) {
    case .nothing: return nil
    case .task(let task): return task
    case .prepare(let task, let running):
      do {
        try await environments.save(before: task, running: running, isHandedOut: true)
      } catch let error as ObjectStorageError {
        // Nothing is begun that could not be rolled back.
        logger.warning(
          "A task waits until the copies of .env are saved", metadata: ["task": "\(task.id)", "error": "\(error)"])
        return nil
      }
      guard case .task(let task) = try await offer(to: agent, isPrepared: true) else { return nil }
      return task
    }
  }

  private func offer(to agent: String, isPrepared: Bool) async throws -> Offer {
    try await context.transaction { transaction in
      try transaction.noteAgent()
      let now = transaction.now
      guard var task = try AgentTask.active(in: transaction.connection), task.status == .pending,
        task.executeAfter <= now,
        now - task.executeAfter <= TaskRule.startingDeadline
      else { return .nothing }
      if let other = task.claimedBy, other != agent, let since = task.claimedAt, now - since < Self.claimTime {
        return .nothing
      }
      let lease = try AgentLease.read(transaction.context, transaction.connection, now: now)
      let isBegun = try transaction.isBegun(task)
      guard ExecutorRule.answer(isLeaseHeld: lease?.isHeld == true, isRecordBegun: isBegun) == .handOut else {
        return .nothing
      }
      guard isPrepared else { return .prepare(task, running: transaction.state.currentVersion) }
      transaction.state.executor = .tasks
      // The other one would do nothing, should it come back now.
      try transaction.suspendRecord(for: "an Agent that polls carries out deployments")
      task.executor = .tasks
      (task.claimedBy, task.claimedAt) = (agent, now)
      try task.save(transaction.connection, at: now)
      return .task(task)
    }
  }

  // MARK: What Agents say

  /// - Throws: `StatusError`: 404 for a task that is not there, 409 for one that was not handed out to that Agent.
  func report(_ report: TaskReport, of id: String, by agent: String) async throws {
    try await context.transaction { transaction in
      try transaction.noteAgent()
      guard var task = try AgentTask.find(id: id, in: transaction.connection) else { throw Self.notFound(id) }
      if task.claimedBy == nil, task.status == .pending, task.attempts > 0, case .failed = report { return }
      try Self.check(task, agent)
      let attempts = task.attempts + (task.status == .pending ? 1 : 0)
      func step(_ fact: TaskFact) -> TaskStep {
        TaskRule.step(task.status, fact, attempts: attempts, maximumAttempts: task.maximumAttempts)
      }
      switch report {
      case .inProgress:
        switch step(.begun) {
        case .begin:
          guard task.executeAfter <= transaction.now else {
            throw StatusError(.conflict, "the task \(id) was moved to \(task.executeAfter)")
          }
          try transaction.begin(&task, by: .tasks)
        case .note: try transaction.noteLife(&task)
        // It comes late; but who was never told that it may begin must not.
        default:
          guard task.pickedUpAt != nil else {
            throw StatusError(.conflict, "the task \(id) has ended: \(task.errorMessage ?? "it was given up")")
          }
        }
      case .completed(let result):
        switch step(.succeeded) {
        case .complete: try transaction.completePolled(&task, result, isLate: false)
        case .completeLate: try transaction.completePolled(&task, result, isLate: true)
        default: break
        }
      case .failed(let message, let reason, let result):
        let failure = AgentFailure(message: message, reason: reason)
        switch step(failure.isTransient ? .failedForNow : .failed) {
        case .retry:
          if task.status == .pending { try transaction.begin(&task, by: .tasks) }
          try transaction.handBack(
            &task, after: TaskFailure(reason: reason ?? failure.reason, message: message, remedy: .nothingChanged))
        case .fail:
          if task.status == .pending { try transaction.begin(&task, by: .tasks) }
          try transaction.fail(
            &task, Self.outcome(failure, message, reason, result, task, transaction.context.settings))
        default: break
        }
      }
    }
  }

  /// - Throws: as `report`.
  func heartbeat(of id: String, by agent: String) async throws {
    try await context.transaction { transaction in
      try transaction.noteAgent()
      guard var task = try AgentTask.find(id: id, in: transaction.connection) else { throw Self.notFound(id) }
      try Self.check(task, agent)
      guard task.status == .inProgress else { return }
      task.lastHeartbeat = transaction.now
      try task.save(transaction.connection, at: transaction.now)
    }
  }

  private static func notFound(_ id: String) -> StatusError {
    StatusError(.notFound, "there is no task \"\(id.prefix(100))\"")
  }

  private static func check(_ task: AgentTask, _ agent: String) throws(StatusError) {
    guard let claimer = task.claimedBy else {
      throw StatusError(.conflict, "the task \(task.id) was not handed out: ask for it with GET /internal/agent/tasks")
    }
    guard claimer == agent else {
      throw StatusError(.conflict, "the task \(task.id) was handed out to another Agent")
    }
  }

  private static func outcome(
    _ failure: AgentFailure, _ message: String, _ reason: String?, _ result: JSONValue?, _ task: AgentTask,
    _ settings: DeploymentSettings
  ) -> TaskFailure {
    let attempts = max(task.attempts, 1)
    let text = failure.isTransient && attempts > 1 ? "\(message) (after \(attempts) attempts)" : message
    var outcome = TaskFailure(reason: reason ?? failure.reason, message: text, result: result)
    switch failure {
    case .license: (outcome.notice, outcome.remedy) = (.licenseBlocked, .nothingChanged)
    case .download: outcome.remedy = .nothingChanged
    case .compose, .other:
      if settings.kind == .docker, !task.isRollback { outcome.notice = .composeFailed }
    case .helm: break
    }
    return outcome
  }
}

/// What an Agent says of its task (spec §14.3).
enum TaskReport: Sendable, Hashable {
  case inProgress
  case completed(JSONValue)
  case failed(message: String, reason: String?, result: JSONValue?)

  /// - Throws: `StatusError` `badRequest`.
  init(reading body: JSONValue) throws(StatusError) {
    func text(_ name: String) throws(StatusError) -> String? {
      switch body[name] ?? .null {
      case .null: return nil
      case .string(let text): return ReportText.cleaned(text)
      case let other: throw StatusError(.badRequest, "\(name): must be text, not \(other.typeName)")
      }
    }
    let result = body["result"].flatMap { $0.isNull ? nil : $0 }
    if let result, result.object == nil {
      throw StatusError(.badRequest, "result: must be an object, not \(result.typeName)")
    }
    let cleaned = result.map(Self.cleaned)
    let message = try text("errorMessage")
    let reason = try text("reason").flatMap { Self.isWord($0) ? $0 : nil }
    switch body["status"]?.string {
    case "inProgress"?: self = .inProgress
    case "completed"?: self = .completed(cleaned ?? ["status": "success"])
    case "failed"?: self = .failed(message: message ?? "the Agent gave no reason", reason: reason, result: cleaned)
    default: throw StatusError(.badRequest, "status: must be inProgress, completed or failed")
    }
  }

  /// What the specification names, and nothing that a database refuses.
  private static func cleaned(_ result: JSONValue) -> JSONValue {
    var kept: JSONValue = [:]
    for name in ["helmRevision", "revision"] { kept[name] = result[name]?.integer.map { .integer($0) } }
    for name in ["status", "message", "version"] {
      kept[name] = result[name]?.string.map { .string(ReportText.cleaned($0)) }
    }
    return kept
  }

  private static func isWord(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
  }
}

extension DeploymentTransaction {
  /// Whether the Agent that watches has begun a task already.
  mutating func isBegun(_ task: AgentTask) throws -> Bool {
    guard task.generation != nil, let order = task.order, let record = try currentRecord() else { return false }
    switch RecordState(of: record.object, order, now: now) {
    case .begun, .succeeded: return true
    case .waiting, .licenseBlocks, .missed, .otherRelease, .failed: return false
    }
  }

  /// An Agent of the specification says how it ended, and hardly more.
  fileprivate mutating func completePolled(_ task: inout AgentTask, _ result: JSONValue, isLate: Bool) throws {
    if task.status == .pending { try begin(&task, by: .tasks) }
    let revision = result["helmRevision"]?.integer ?? result["revision"]?.integer
    try complete(
      &task, TaskSuccess(version: nil, revision: revision, since: now, result: result), isLate: isLate)
  }
}
