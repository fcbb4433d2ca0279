import ComposeBundles
import DeploymentPlanning

/// Says of a container that failed what a person needs to know: how it ended and what it last said.
struct ContainerReport: Sendable {
  let engine: DockerEngine
  let mask: SecretMask

  func text(of container: EngineContainer) async -> String {
    let detail = try? await engine.detail(container: container.id)
    var text = "Service \(container.service) (container \(container.name)) \(ending(of: container, detail))"
    if let start = detail?.startError, !start.isEmpty {
      text += ". It could not start: \(mask.masked(start.lastLines(3, characters: 500)))"
    }
    if container.health == .unhealthy, let output = detail?.lastHealthOutput.lastLines(3, characters: 500),
      !output.isEmpty
    {
      text += ". Its health check said: \(mask.masked(output))"
    }
    return text + (await log(of: container, detail))
  }

  private func ending(of container: EngineContainer, _ detail: EngineContainerDetail?) -> String {
    if detail?.isOutOfMemory == true { return "was ended because it used more memory than it may" }
    switch container.state {
    case .exited(let code): return "ended with exit code \(code)"
    case .restarting:
      let restarts = detail.map { ", \($0.restartCount) restarts" } ?? ""
      if container.exitCode == 0 {
        return "ends again and again (exit code 0\(restarts)), but is to go on: restart is always or unless-stopped. "
          + "What is meant to end has restart: \"no\" or on-failure"
      }
      return "crashes again and again (exit code \(container.exitCode ?? detail?.exitCode ?? 1)\(restarts))"
    case .created: return "was created but not started"
    case .paused: return "is paused"
    case .dead: return "is dead: the engine could not remove it"
    case .running:
      switch container.health {
      case .unhealthy: return "is unhealthy"
      case .starting: return "is running, but its health check has not passed yet"
      case .healthy, .none: return "is running"
      }
    }
  }

  private func log(of container: EngineContainer, _ detail: EngineContainerDetail?) async -> String {
    let bytes = try? await engine.logTail(
      container: container.id, lines: 10, hasTerminal: detail?.hasTerminal ?? false)
    guard let bytes else {
      return detail.map { ". Its log cannot be read from the engine (logging driver \($0.logDriver))" } ?? ""
    }
    let log = mask.masked(EngineLog.tail(bytes, lines: 10, characters: 1500))
    return log.isEmpty ? ". It wrote no log" : ". Its log ends: \(log)"
  }
}
