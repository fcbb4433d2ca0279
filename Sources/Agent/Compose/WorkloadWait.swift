import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import Timing
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

  /// The reason of a failure: a container is gone, and to be made anew.
  static let containerRemoved = "ContainerRemoved"

  /// - Returns: the containers, all of them ready.
  /// - Throws: `containerRemoved` as soon as one is gone that is waited for.
  func untilReady(
    deadline: Deadline, progress: @Sendable (Progress) async -> Void
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let doorbell = Doorbell(wakeups: EngineWakeups(engine: engine, clock: clock).stream(project: project))
    var told: Progress?
    while true {
      let containers = try await containers()
      let waiting: WorkloadAssessment.Waiting
      switch WorkloadAssessment.assess(services: services, containers: containers, settleTime: settleTime) {
      case .ready: return containers
      case .missing(let service): throw Self.removed(service)
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

  private static func removed(_ service: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .transient, reason: containerRemoved,
      message: """
        Service \(service) has no container, or too few: somebody removes them while the Agent waits for their health. \
        Find out who (docker events) and stop that
        """)
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
    case .missing(let service): return Self.removed(service)
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
    if let service, let created = containers.first(where: { $0.service == service && $0.state == .created }),
      let former = containers.first(where: { $0.service == service && $0.state == .running && $0.id != created.id })
    {
      message += """
        . The former container \(former.name) has not stopped yet, so that the new one waits: spec.compose.timeout must \
        be longer than its stop_grace_period
        """
      return RuntimeFailure(kind: .permanent, reason: "Timeout", message: message)
    }
    let suspect = containers.first { $0.service == service && ($0.state != .running || $0.health != .healthy) }
    if let suspect { message += ". " + (await ContainerReport(engine: engine, mask: mask).text(of: suspect)) }
    return RuntimeFailure(kind: .permanent, reason: "Timeout", message: message)
  }
}
