import DeploymentPlanning

/// A container that `up` stumbles over or does not see, and what is to be done about it first.
enum UpObstacle: Sendable, Hashable {
  /// Stopped first, in order.
  case remove(EngineContainer)
  case unpause(EngineContainer)
  case rename(EngineContainer, to: String)

  /// In the order in which they are to be cleared.
  /// - Parameter services: all that the release has.
  static func obstacles(
    among containers: [EngineContainer], services: [ComposeService], project: String
  ) -> [UpObstacle] {
    let removed = containers.filter { isRemoved($0, among: containers, services) }
    let left = containers.filter { !removed.contains($0) }
    return removed.map(UpObstacle.remove) + left.filter { $0.state == .paused }.map(UpObstacle.unpause)
      + renamings(of: left, services, project)
  }

  private static func isRemoved(
    _ container: EngineContainer, among containers: [EngineContainer], _ services: [ComposeService]
  ) -> Bool {
    // What `docker compose run` started is its user's.
    if container.isOneOff { return false }
    // A container that somebody gave the project's label by hand: without a configuration hash Compose takes it for none
    // of its own, leaves it running and may find its name taken.
    if container.configHash.isEmpty { return true }
    // The engine failed to remove it.
    if container.state == .dead { return true }
    // Compose leaves alone what a profile switches off, and what it does not find in its file only sometimes.
    if !services.contains(where: { $0.name == container.service }) { return true }
    // While the old one is there, the new one is only in the way.
    return halfReplaced(container).map { id, _ in containers.contains { $0.id.hasPrefix(id) } } ?? false
  }

  /// What a Compose that was killed while it replaced a container leaves behind: a new container, never started, under
  /// the name `OLDID_NAME`, which holds the anonymous volumes of the old one.
  private static func halfReplaced(_ container: EngineContainer) -> (old: Substring, name: String)? {
    guard container.state == .created, let match = container.name.wholeMatch(of: /([0-9a-f]{12})_(.+)/),
      !container.id.hasPrefix(match.1)
    else { return nil }
    return (match.1, String(match.2))
  }

  // MARK: - Names

  /// Compose gives a new container its name only once the old one of its service is gone: a name that another service still
  /// has ends in a conflict. So each container first gets the name that its service is to have.
  private static func renamings(
    of containers: [EngineContainer], _ services: [ComposeService], _ project: String
  ) -> [UpObstacle] {
    let wanted = Dictionary(
      services.compactMap { service in service.containerName.map { (service.name, $0) } },
      uniquingKeysWith: { first, _ in first })
    var holders = Dictionary(containers.map { ($0.name, $0.id) }, uniquingKeysWith: { first, _ in first })
    let reserved = Set(wanted.values)
    func freeName(_ container: EngineContainer, _ holders: [String: String]) -> String {
      var number = 1
      while true {
        let name = "\(project)-\(container.service)-\(number)"
        if holders[name] == nil, !reserved.contains(name) { return name }
        number += 1
      }
    }
    var moves: [(container: EngineContainer, name: String)] = []
    var named: Set<String> = []
    for container in containers where !container.isOneOff {
      if let name = wanted[container.service], named.insert(container.service).inserted {
        moves.append((container, name))
      } else if let (_, name) = halfReplaced(container) {
        moves.append((container, name))
      } else if reserved.contains(container.name) {
        let name = freeName(container, holders)
        holders[name] = container.id
        moves.append((container, name))
      }
    }
    moves.removeAll { $0.container.name == $0.name }
    // Where one that does not move has the name, Compose is to say so.
    let movers = Set(moves.map(\.container.id))
    moves.removeAll { move in holders[move.name].map { !movers.contains($0) } ?? false }
    var targets: Set<String> = []
    moves = moves.filter { targets.insert($0.name).inserted }
    return ordered(moves, holders, freeName)
  }

  private static func ordered(
    _ moves: [(container: EngineContainer, name: String)], _ held: [String: String],
    _ freeName: (EngineContainer, [String: String]) -> String
  ) -> [UpObstacle] {
    var left = moves
    var holders = held
    var names = Dictionary(left.map { ($0.container.id, $0.container.name) }) { first, _ in first }
    var renamings: [UpObstacle] = []
    func rename(_ container: EngineContainer, to name: String) {
      if let before = names[container.id] { holders[before] = nil }
      holders[name] = container.id
      names[container.id] = name
      renamings.append(.rename(container, to: name))
    }
    while let first = left.first {
      if let index = left.firstIndex(where: { holders[$0.name] == nil || holders[$0.name] == $0.container.id }) {
        let move = left.remove(at: index)
        rename(move.container, to: move.name)
      } else {
        // They wait for each other: whoever has the name that the first needs steps aside.
        let holder = left.first { $0.container.id == holders[first.name] } ?? first
        rename(holder.container, to: freeName(holder.container, holders))
      }
    }
    return renamings
  }
}
