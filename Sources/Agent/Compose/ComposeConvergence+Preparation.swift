import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Processes
import WireFormats

/// What is done before `up`, for what it would stumble over or leave as it is.
extension ComposeConvergence {
  /// Refuses a project that another record has, or that no Agent made.
  func checkOwner() async throws(RuntimeFailure) {
    guard let owner = target.owner else { return }
    let containers = try await runtime.engine.containers(project: target.name)
    let isOwnPart = runtime.configuration.ownContainer?.find(among: containers) != nil
    switch ProjectOwnership(containers: containers, owner: owner, isKnown: target.isRecorded || isOwnPart) {
    case .own: return
    case .another(let other):
      throw RuntimeFailure(
        kind: .permanent, reason: "ProjectInUse",
        message: """
          The Compose project \(target.name) on this host belongs to the DesiredDeployment \(other). Set another \
          spec.compose.projectName; or, to hand the project over, delete that record and take the project down \
          (docker compose --project-name \(target.name) down; its volumes stay)
          """)
    case .foreign(let container):
      throw RuntimeFailure(
        kind: .permanent, reason: "ProjectNotOwned",
        message: """
          A Compose project \(target.name) runs on this host already (container \(container)) and was not made by an \
          Agent. Set another spec.compose.projectName, or take that project down (docker compose --project-name \
          \(target.name) down; its volumes stay)
          """)
    }
  }

  /// What makes Compose recreate containers whose configs or secrets hold something else by now.
  func contentDigests(
    of file: JSONValue, _ installation: ProjectDirectory.Installation, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [String: String] {
    let contents = ReleaseContents(of: file)
    guard !contents.items.isEmpty else { return [:] }
    var variables: [String: String] = [:]
    let names = contents.variables.filter { $0.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil }
    if !names.isEmpty {
      let inquiry = try directory.write(
        ReleaseContents.inquiry(names), as: "inquiry.yaml")
      let outcome = try await compose(
        command.configArguments, in: installation, files: installation.composeFiles + [inquiry], holding: lock,
        waitingFor: "the Compose file to be read")
      guard outcome.status.isSuccess else {
        throw fault(.config, [], mask(for: [])).failure(outcome.standardError.text)
      }
      let answer = try command.resolved(outcome.standardOutput.bytes)[ReleaseContents.inquiryKey]
      variables = (answer?.object ?? [:]).mapValues { $0.string ?? $0.text }
    }
    let key = try directory.contentKey()
    return contents.digests(key: key, variables: variables) { path in
      (try? Data(contentsOf: URL(filePath: path))).map { Array($0) }
    }
  }

  /// Clears what `up` stumbles over or does not see.
  func clearObstacles(for services: [ComposeService]) async throws(RuntimeFailure) {
    let containers = try await runtime.engine.containers(project: target.name)
    let own = runtime.configuration.ownContainer?.find(among: containers)
    let obstacles = UpObstacle.obstacles(among: containers, services: services, project: target.name)
    var removed: [EngineContainer] = []
    for obstacle in obstacles {
      if case .remove(let container) = obstacle, container.id != own?.id { removed.append(container) }
    }
    try await runtime.engine.remove(removed)
    for obstacle in obstacles {
      if case .remove = obstacle { continue }
      try await runtime.engine.clear(obstacle)
    }
  }

  /// Has Compose make anew what its hash takes for unchanged: containers whose limits, restart policy or networks somebody
  /// changed by hand, and networks that are defined otherwise by now, with all containers on them.
  /// - Parameter others: services whose containers are to be made anew for another reason.
  /// - Returns: what could not be applied, a sentence each.
  func renew(
    _ file: JSONValue, _ run: ComposeRun, also others: [String], holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [String] {
    let engine = runtime.engine
    let definitions = ResourceDefinitions(of: file, project: target.name)
    var unapplied =
      definitions.volumes.isEmpty
      ? [] : definitions.unapplied(try await engine.volumes(project: target.name))
    let containers = try await engine.containers(project: target.name)
    let own = runtime.configuration.ownContainer?.find(among: containers)
    var renewed = Set(try await alteredContainers(containers, definitions).map(\.service)).union(others)
    for network in definitions.outdated(try await engine.networks(project: target.name)) {
      let members = containers.filter { $0.networks.contains(network.name) }
      let foreign = Set(try await engine.users(of: network)).subtracting(members.map(\.name))
      if let other = foreign.sorted().first ?? members.first(where: { $0.id == own?.id || $0.isOneOff })?.name {
        unapplied.append(
          """
          The network \(network.name) stays as it was made, though the release defines it otherwise: container \(other) \
          uses it. Take that off the network and deploy once more
          """)
        continue
      }
      for member in members { try await engine.disconnect(member, from: network) }
      try await engine.remove(network)
      renewed.formUnion(members.map(\.service))
    }
    if let own { renewed.remove(own.service) }
    renewed.formIntersection(run.services.filter { $0.replicas > 0 }.map(\.name))
    guard !renewed.isEmpty else { return unapplied }
    let outcome = try await compose(
      command.renewArguments(renewed.sorted())
        + ComposeCommand.scaleArguments(run.services.filter { $0.replicas == 0 }),
      in: run.installation, holding: lock, waitingFor: "Compose to make containers anew")
    guard outcome.status.isSuccess else { throw fault(.up, run.services, run.mask).failure(outcome.standardError.text) }
    return unapplied
  }

  private func alteredContainers(
    _ containers: [EngineContainer], _ definitions: ResourceDefinitions
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    var altered: [EngineContainer] = []
    for container in containers where container.state == .running && !container.isOneOff {
      if !(definitions.attachments[container.service] ?? []).isSubset(of: container.networks) {
        altered.append(container)
        continue
      }
      guard let recorded = target.recorded.first(where: { $0.name == container.service }),
        recorded.configHash == container.configHash, let settings = recorded.settings,
        let detail = try await runtime.engine.detail(container: container.id)
      else { continue }
      if detail.settings != settings { altered.append(container) }
    }
    return altered
  }
}

/// Whose a Compose project is, by the labels of its containers.
enum ProjectOwnership: Sendable, Hashable {
  case own
  /// It is another record's: `NAMESPACE/NAME`.
  case another(String)
  /// No Agent made it; one of its containers.
  case foreign(container: String)

  /// - Parameters:
  ///   - owner: the record that asks.
  ///   - isKnown: it has deployed the project before, or its Agent is a part of it.
  init(containers: [EngineContainer], owner: String, isKnown: Bool) {
    let made = containers.filter { !$0.isOneOff && !$0.configHash.isEmpty }
    let owners = Set(made.compactMap(\.owner))
    if let other = owners.subtracting([owner]).min() {
      self = .another(other)
    } else if let first = made.first, owners.isEmpty, !isKnown {
      self = .foreign(container: first.name)
    } else {
      self = .own
    }
  }
}
