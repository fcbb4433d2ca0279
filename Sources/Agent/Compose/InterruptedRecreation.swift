import DeploymentPlanning

/// What a Compose that was killed while it replaced a container leaves behind, and `up` stumbles over: a new container,
/// never started, under the name `OLDID_NAME`.
enum InterruptedRecreation: Sendable, Hashable {
  /// The old container is still there: the new one is only in the way.
  case remove(id: String)
  /// The old one is gone already: the new one takes its name, and keeps its anonymous volumes.
  case rename(id: String, name: String)

  static func leftovers(among containers: [EngineContainer]) -> [InterruptedRecreation] {
    containers.compactMap { container in
      guard container.state == .created, let match = container.name.wholeMatch(of: /([0-9a-f]{12})_(.+)/),
        !container.id.hasPrefix(match.1)
      else { return nil }
      let isOldThere = containers.contains { $0.id.hasPrefix(match.1) }
      return isOldThere ? .remove(id: container.id) : .rename(id: container.id, name: String(match.2))
    }
  }
}
