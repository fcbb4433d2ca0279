import DeploymentPlanning
import HTTPTransport
import WireFormats

/// What the Agent changes at the engine itself, because Compose does not, or not without the Compose file.
extension DockerEngine {
  /// Takes what stands in the way of `up` out of it. Volumes are kept.
  func clear(_ obstacle: UpObstacle) async throws(RuntimeFailure) {
    switch obstacle {
    case .remove(let container): try await remove([container])
    case .unpause(let container): try await unpause(container)
    case .rename(let container, let name):
      let path = "/containers/\(PercentEncoding.encode(container.id))/rename?name=\(PercentEncoding.encode(name))"
      _ = try await change(path, unless: [404])
    }
  }

  /// - Throws: `ContainerNotStarted`, with the engine's own word.
  func start(_ container: EngineContainer) async throws(RuntimeFailure) {
    let response = try await send(
      "/containers/\(PercentEncoding.encode(container.id))/start", method: "POST", limit: 1 << 20)
    guard !response.isSuccess, response.status != 304 else { return }
    throw RuntimeFailure(
      kind: .permanent, reason: "ContainerNotStarted",
      message: "The Docker engine could not start the container \(container.name): \(failure(response).message)")
  }

  func unpause(_ container: EngineContainer) async throws(RuntimeFailure) {
    // 409: it is paused no more.
    _ = try await change("/containers/\(PercentEncoding.encode(container.id))/unpause", unless: [404, 409])
  }

  /// Stops containers as `docker compose down` does, each with its own signal and grace, what depends on others before
  /// them, what is independent at the same time; then removes them. Volumes are kept.
  /// - Parameter grace: in whole seconds, instead of each one's own.
  func remove(_ containers: [EngineContainer], grace: Duration? = nil) async throws(RuntimeFailure) {
    var order = StopOrder(containers)
    let failure = await withTaskGroup(of: (EngineContainer, RuntimeFailure?).self) { group in
      var failed: RuntimeFailure?
      for container in order.next() { group.addTask { (container, await self.stopAndRemove(container, grace)) } }
      while let (container, failure) = await group.next() {
        failed = failed ?? failure
        order.ended(container)
        // What the others are for may still be needed by what did not end.
        if failed != nil { continue }
        for next in order.next() { group.addTask { (next, await self.stopAndRemove(next, grace)) } }
      }
      return failed
    }
    if let failure { throw failure }
  }

  private func stopAndRemove(_ container: EngineContainer, _ grace: Duration?) async -> RuntimeFailure? {
    do throws(RuntimeFailure) {
      try await stop(container, grace: grace)
      try await erase(container)
      return nil
    } catch {
      return error
    }
  }

  private func stop(_ container: EngineContainer, grace: Duration?) async throws(RuntimeFailure) {
    switch container.state {
    case .created, .exited, .dead: return
    case .paused: try await unpause(container)
    case .running, .restarting: break
    }
    let own = try await detail(container: container.id)?.stopTimeout ?? EngineContainerDetail.standardStopTimeout
    let allowed = grace ?? own
    let path = "/containers/\(PercentEncoding.encode(container.id))/stop"
    let query = grace.map { "?t=\($0.components.seconds)" } ?? ""
    // A negative grace means for as long as it takes.
    let timeout = allowed < .zero ? nil : allowed + .seconds(30)
    _ = try await change(path + query, unless: [304, 404], timeout: timeout)
  }

  private func erase(_ container: EngineContainer) async throws(RuntimeFailure) {
    let path = "/containers/\(PercentEncoding.encode(container.id))?force=1"
    let response = try await send(path, method: "DELETE", limit: 1 << 20)
    // Somebody else may have removed it, or be about to.
    let isUnderWay = response.status == 409 && failure(response).message.contains("already in progress")
    guard response.isSuccess || response.status == 404 || isUnderWay else { throw failure(response) }
  }

  /// Removes the containers and networks of a Compose project; its volumes stay.
  /// - Parameter kept: what to leave where it is: the Agent's own container.
  /// - Returns: what else stays, and why: a sentence each.
  func remove(project: String, keeping kept: OwnContainer?) async throws(RuntimeFailure) -> [String] {
    let containers = try await containers(project: project)
    let own = kept?.find(among: containers)
    try await remove(containers.filter { $0.id != own?.id })
    var staying: [String] = []
    for network in try await networks(project: project) {
      let response = try await send(
        "/networks/\(PercentEncoding.encode(network.id))", method: "DELETE", limit: 1 << 20)
      if response.isSuccess || response.status == 404 { continue }
      // Somebody else's container may be on it: then it is not the project's alone.
      guard response.status == 403 || response.status == 409 else { throw failure(response) }
      let users = try await users(of: network)
      let reason = users.isEmpty ? failure(response).message : "container \(users.joined(separator: ", ")) uses it"
      staying.append("The network \(network.name) stays: \(reason)")
    }
    return staying
  }

  func disconnect(_ container: EngineContainer, from network: EngineNetwork) async throws(RuntimeFailure) {
    _ = try await change(
      "/networks/\(PercentEncoding.encode(network.id))/disconnect",
      body: ["Container": .string(container.id), "Force": true], unless: [404])
  }

  func remove(_ network: EngineNetwork) async throws(RuntimeFailure) {
    _ = try await change("/networks/\(PercentEncoding.encode(network.id))", method: "DELETE", unless: [404])
  }

  /// The names of the containers on a network.
  func users(of network: EngineNetwork) async throws(RuntimeFailure) -> [String] {
    let body = try await json("/networks/\(PercentEncoding.encode(network.id))", limit: 8 << 20)
    return (body?["Containers"]?.object ?? [:]).values.compactMap { $0["Name"]?.string }.sorted()
  }

  func change(
    _ path: String, method: String = "POST", body: JSONValue? = nil, unless ignored: Set<Int>,
    timeout: Duration? = .seconds(30)
  ) async throws(RuntimeFailure) -> HTTPResponse {
    let response = try await send(path, method: method, body: body, limit: 1 << 20, timeout: timeout)
    guard response.isSuccess || ignored.contains(response.status) else { throw failure(response) }
    return response
  }
}
