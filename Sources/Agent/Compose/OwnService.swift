import DeploymentPlanning

/// The service of a Compose project that this very Agent runs as.
///
/// Everything else of a release is upgraded first, with the Agent as it is. Then Compose creates a second container of the
/// Agent's service beside it: the successor. Once that is healthy, this Agent leaves the lease to it and stands by; the
/// successor goes on with the attempt, removes the container of this one and confirms the release. A successor that does
/// not come up is removed, and the attempt fails with this Agent still at work.
///
/// ```
/// this Agent   upgrades everything else ─▶ starts the successor ─▶ leaves the lease, stands by ────────▶ is removed
///                                              │        ▲ healthy          │                                ▲
/// successor                                    └▶ comes up, stands by      └▶ takes the lease, goes on with the attempt:
///                                                                             finds itself as wanted (`stay`), removes the
///                                                                             other container, confirms the release
/// ```
///
/// Should the successor lose the lease before it has removed this container, this Agent takes it back and begins anew: it
/// finds the successor started (`yield`), and gives it the work a few times more before it fails the attempt.
struct OwnService: Sendable, Hashable {
  var container: EngineContainer

  var name: String { container.service }

  /// Refuses a release in which this service could not be replaced, before anything is touched.
  func check(_ services: [ComposeService]) throws(RuntimeFailure) {
    guard let service = services.first(where: { $0.name == name }) else {
      throw failure("the release has no such service, so that deploying it would end the Agent: add it to the bundle")
    }
    if let name = service.containerName {
      throw failure(
        "it sets container_name \(name), under which no second container can run beside it while it is replaced: "
          + "remove container_name")
    }
    if service.publishesFixedPorts {
      throw failure(
        "it publishes a port of the host, which a second container beside it cannot share while it is replaced: "
          + "remove it from ports")
    }
    if service.replicas != 1 {
      throw failure("it has \(service.replicas) replicas, but is to have one")
    }
    if let dependent = services.first(where: { $0.dependencies.contains(name) }) {
      throw failure(
        "service \(dependent.name) depends on it, but the Agent is replaced last: remove it from depends_on")
    }
  }

  private func failure(_ text: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "AgentNotReplaceable",
      message: "The Agent itself runs as service \(name) of this project, and \(text)")
  }

  /// What is to become of the containers of the service. Those that are superfluous are others than this Agent's own.
  enum Plan: Sendable, Hashable {
    /// This Agent is as the release wants it.
    case stay(superfluous: [EngineContainer])
    case yield(to: EngineContainer, superfluous: [EngineContainer])

    var successor: EngineContainer? {
      if case .yield(let successor, _) = self { successor } else { nil }
    }
  }

  /// - Parameters:
  ///   - others: what else there is of the service.
  ///   - created: what Compose has just made of the release, not started; of no use unless it is the successor.
  func plan(others: [EngineContainer], created: EngineContainer) -> Plan {
    if container.configHash == created.configHash { return .stay(superfluous: others) }
    // One that an earlier pass started.
    if let started = others.first(where: { $0.configHash == created.configHash }) {
      return .yield(to: started, superfluous: others.filter { $0.id != started.id })
    }
    return .yield(to: created, superfluous: others)
  }

  /// Those of the service that neither run nor ran: what an attempt left that was cut short.
  func leftovers(among containers: [EngineContainer]) -> [EngineContainer] {
    others(among: containers).filter { $0.state == .created }
  }

  /// The others of the service.
  func others(among containers: [EngineContainer]) -> [EngineContainer] {
    containers.filter { $0.service == name && !$0.isOneOff && $0.id != container.id }
  }
}
