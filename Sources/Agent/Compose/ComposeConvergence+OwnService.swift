import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import Logging
import Processes

/// The part of a convergence that sees to the Agent's own service, where that is one of the project.
extension ComposeConvergence {
  /// Nil where the Agent is no part of the project.
  func ownService() async throws(RuntimeFailure) -> OwnService? {
    guard let own = runtime.configuration.ownContainer else { return nil }
    let containers = try await runtime.engine.containers(project: target.name)
    // Compose lets run what `docker compose run` started.
    return own.find(among: containers).flatMap { $0.isOneOff ? nil : OwnService(container: $0) }
  }

  /// Brings up everything else, then sees to the Agent itself.
  /// - Throws: also `RuntimeFailure.stopped`, once the work was given to a successor.
  func bringUp(
    around own: OwnService, _ run: ComposeRun, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let plan = try await plan(own, run, holding: lock)
    do throws(RuntimeFailure) {
      let others = run.services.filter { $0.name != own.name }
      if !others.isEmpty {
        _ = try await bringUp(others, of: run, holding: lock)
      }
      switch plan {
      case .stay(let superfluous):
        let excluded = Set(superfluous.map(\.id))
        let containers = try await wait(for: run.services, run.mask) { !excluded.contains($0.id) }
          .untilReady(deadline: deadline, progress: progress)
        try await runtime.engine.remove(superfluous, grace: Self.retirementGrace)
        return containers
      case .yield(let successor, let superfluous):
        try await runtime.engine.remove(superfluous, grace: Self.retirementGrace)
        try await yield(to: successor, run.services.filter { $0.name == own.name }, run.mask)
      }
    } catch {
      // It must not lead one day by chance.
      if error.kind != .cancelled, let successor = plan.successor {
        try? await runtime.engine.remove([successor])
      }
      throw error
    }
    throw .stopped
  }

  /// What an Agent that stands by needs to end.
  private static let retirementGrace = Duration.seconds(10)
  /// How often a successor may get the work and lose it again.
  private static let offerLimit = 3

  /// Has Compose create what the release wants the Agent's container to be, to compare it with what it is.
  private func plan(
    _ own: OwnService, _ run: ComposeRun, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> OwnService.Plan {
    let found = try await runtime.engine.containers(project: target.name)
    let leftovers = own.leftovers(among: found)
    try await runtime.engine.remove(leftovers)
    let others = own.others(among: found).filter { !leftovers.contains($0) }
    let outcome = try await compose(
      command.besideArguments(own.name, count: others.count + 1), in: run.installation, holding: lock,
      waitingFor: "Compose to create the Agent's new container")
    guard outcome.status.isSuccess else { throw fault(.up, [], run.mask).failure(outcome.standardError.text) }
    let known = Set(found.map(\.id))
    let containers = try await runtime.engine.containers(project: target.name)
    guard let created = own.others(among: containers).first(where: { !known.contains($0.id) }) else {
      throw RuntimeFailure(
        kind: .transient, reason: "AgentNotReplaceable",
        message: "Compose created no second container of the Agent's service \(own.name)")
    }
    let plan = own.plan(others: others, created: created)
    if plan.successor != created { try await runtime.engine.remove([created]) }
    return plan
  }

  /// Gives the work to the successor once it is healthy.
  private func yield(
    to successor: EngineContainer, _ service: [ComposeService], _ mask: SecretMask
  ) async throws(RuntimeFailure) {
    await progress(
      Progress(
        step: .replacingAgent, done: 0, total: 1,
        message: "everything else runs; the Agent is replaced by \(successor.image)"))
    if successor.state == .created { try await runtime.engine.start(successor) }
    _ = try await wait(for: service, mask) { $0.id == successor.id }.untilReady(deadline: deadline, progress: progress)
    guard runtime.handover.offers(to: successor.id) < Self.offerLimit else {
      let report = await ContainerReport(engine: runtime.engine, mask: mask).text(of: successor)
      throw RuntimeFailure(
        kind: .permanent, reason: "AgentDidNotTakeOver",
        message:
          "The new Agent came up, but \(Self.offerLimit) times did not do the work that was left to it. \(report)")
    }
    runtime.logger.notice(
      "The new Agent is healthy; leaving the work to it",
      metadata: ["container": .string(successor.name), "image": .string(successor.image)])
    runtime.handover.offer(to: successor.id)
  }
}
