import DeploymentKinds
import DeploymentPlanning
import WireFormats

/// Waits until every container of a project is in full health, or one of them fails for good.
struct WorkloadWait: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let engine: DockerEngine
  let clock: any Clock<Duration>
  let project: String
  let services: [ComposeService]
  let settleTime: Duration
  let restartLimit: Int
  let mask: SecretMask
  /// Nil for all of them.
  var isAwaited: (@Sendable (EngineContainer) -> Bool)?

  /// The engine's events wake it; this is for what they miss.
  static let pollInterval = Duration.seconds(2)

  /// - Returns: the containers, all of them ready.
  func untilReady(
    deadline: Deadline, progress: @Sendable (Progress) async -> Void
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let doorbell = Doorbell(rings: EngineDoorbell(engine: engine, clock: clock).rings(project: project))
    var told: Progress?
    while true {
      let containers = try await containers()
      let waiting: WorkloadAssessment.Waiting
      switch WorkloadAssessment.assess(services: services, containers: containers, settleTime: settleTime) {
      case .ready: return containers
      case .failed(let container, let fault): throw await failure(container, fault)
      case .restarting(let container, let others):
        if let detail = try await engine.detail(container: container.id), detail.restartCount >= restartLimit {
          throw await failure(container, .crashed(code: detail.exitCode))
        }
        waiting = others
      case .waiting(let others): waiting = others
      }
      let now = Progress(
        step: .waitingForWorkloads, done: waiting.done, total: waiting.total, message: waiting.message)
      if now != told { await progress(now) }
      told = now
      let left = deadline.remaining()
      if left <= .zero { throw await timeout(containers, waiting, after: deadline.limit) }
      let pause = min(waiting.recheckAfter ?? Self.pollInterval, Self.pollInterval, left)
      guard await doorbell.wait(atMost: max(pause, .milliseconds(50)), clock: clock) else { throw .stopped }
    }
  }

  private func containers() async throws(RuntimeFailure) -> [EngineContainer] {
    let all = try await engine.containers(project: project)
    return isAwaited.map { all.filter($0) } ?? all
  }

  private func failure(_ container: EngineContainer, _ fault: WorkloadAssessment.Fault) async -> RuntimeFailure {
    let reason =
      switch fault {
      case .unhealthy: "WorkloadUnhealthy"
      case .crashed, .dead: "WorkloadCrashed"
      }
    let message = await ContainerReport(engine: engine, mask: mask).text(of: container)
    return RuntimeFailure(kind: .permanent, reason: reason, message: message)
  }

  /// What is not ready now; nil where everything is or the engine does not tell.
  func timeout(after limit: Duration) async -> RuntimeFailure? {
    guard let containers = try? await containers() else { return nil }
    switch WorkloadAssessment.assess(services: services, containers: containers, settleTime: settleTime) {
    case .ready: return nil
    case .failed(let container, let fault): return await failure(container, fault)
    case .restarting(_, let waiting), .waiting(let waiting):
      return await timeout(containers, waiting, after: limit)
    }
  }

  private func timeout(
    _ containers: [EngineContainer], _ waiting: WorkloadAssessment.Waiting, after limit: Duration
  ) async -> RuntimeFailure {
    var message = "Not everything is ready after \(DurationText(limit)): \(waiting.message)"
    let service = waiting.message.split(separator: " ").first.map(String.init)
    let suspect = containers.first { $0.service == service && ($0.state != .running || $0.health != .healthy) }
    if let suspect { message += ". " + (await ContainerReport(engine: engine, mask: mask).text(of: suspect)) }
    return RuntimeFailure(kind: .permanent, reason: "Timeout", message: message)
  }
}
