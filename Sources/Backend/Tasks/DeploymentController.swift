import Database
import DeploymentKinds
import Logging
import OfferPlanning
import Reconciliation
import ResourceModel
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Brings tasks forward by what the DesiredDeployment says and by the time: what was begun, ended, missed or was given up, forced
/// deadlines, and whether an Agent is there.
///
/// A pass is one transaction that begins with the lock of `deployment_config`, so that of several processes one at a time makes it,
/// and goes by what is, not by what woke it.
final class DeploymentController: Service {
  /// After this time there is a pass even if nothing changed.
  static let interval: Duration = .seconds(30)
  /// After its start this server waits so long before it takes silence for an end: while it was down, nobody could be heard.
  static let settlingTime: Duration = .seconds(120)

  private let context: DeploymentContext
  private let environments: ComposeEnvironments
  private let clock: any Clock<Duration>
  private let logger: Logger
  private let loop: DueLoop
  private let upSince: Timestamp
  /// Why the DesiredDeployment could not be followed in the last pass.
  private let recordFault = Mutex<String?>(nil)

  init(
    context: DeploymentContext, environments: ComposeEnvironments, clock: any Clock<Duration> = ContinuousClock(),
    logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "deployment"
    self.context = context
    self.environments = environments
    self.clock = clock
    self.logger = logger
    upSince = context.now()
    loop = DueLoop(
      longestWait: Self.interval, backoff: Backoff(maximum: .seconds(30)), clock: clock, logger: logger)
  }

  /// Something may have changed.
  func wake() { loop.wake() }

  func run() async throws {
    let watch = Task { [context, clock, loop] in
      await context.store.followRecord(in: context.settings.namespace, clock: clock) { loop.wake() }
    }
    await loop.runUntilShutdown {
      try await self.pass()
      return .after(Self.interval)
    }
    watch.cancel()
  }

  /// Looks at everything once.
  func pass() async throws {
    let unsaved: (AgentTask, String?)?
    do {
      unsaved = try await step(withRecord: true)
      recordFault.withLock { $0 = nil }
    } catch let error as StatusError {
      // Such as of a DesiredDeployment that is being deleted. Nothing of that pass was kept; time goes on all the same.
      let isNews = recordFault.withLock { fault in
        defer { fault = error.message }
        return fault != error.message
      }
      if isNews {
        logger.error("The DesiredDeployment cannot be followed; it is tried again", metadata: ["error": "\(error)"])
      }
      unsaved = try await step(withRecord: false)
    }
    do {
      if let (task, running) = unsaved { try await save(task, running: running) }
      try await environments.prune()
    } catch let error as CancellationError {
      throw error
    } catch {
      logger.warning("The copies of .env are not up to date; they are tried again", metadata: ["error": "\(error)"])
    }
  }

  /// - Returns: the task whose deployment needs copies of `.env` that are not saved yet, and what runs.
  private func step(withRecord: Bool) async throws -> (AgentTask, String?)? {
    let upSince = upSince
    return try await context.transaction { transaction in
      let isSettled = transaction.now - upSince >= Self.settlingTime
      let lease = try AgentLease.read(transaction.context, transaction.connection, now: transaction.now)
      let isAlive = try transaction.noteRenewal(lease)
      if transaction.now - upSince >= TaskRule.absence { transaction.noteAbsence(since: upSince) }
      // What has happened counts before what has not.
      if withRecord {
        try transaction.settleExecutor(lease)
        try transaction.followRecord(isAgentAlive: isAlive)
      }
      try transaction.stepByTime(lease, isSettled: isSettled)
      try transaction.stepOvertaken()
      try transaction.stepForcedUpdates()
      guard transaction.context.settings.kind == .docker,
        let task = try AgentTask.active(in: transaction.connection), task.status == .pending, !task.isEnvironmentSaved
      else { return nil as (AgentTask, String?)? }
      return (task, transaction.state.currentVersion)
    }
  }

  private func save(_ task: AgentTask, running: String?) async throws {
    try await environments.save(before: task, running: running, isHandedOut: false)
    let id = task.id
    try await context.transaction { transaction in
      guard var task = try AgentTask.find(id: id, in: transaction.connection) else { return }
      task.isEnvironmentSaved = true
      try task.save(transaction.connection, at: transaction.now)
    }
  }
}
