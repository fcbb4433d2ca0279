import DeploymentPlanning

/// A container that `up` stumbles over or does not see, and what is to be done about it first.
enum UpObstacle: Sendable, Hashable {
  case remove(id: String)
  case rename(id: String, name: String)

  static func obstacles(among containers: [EngineContainer]) -> [UpObstacle] {
    containers.compactMap { halfReplaced($0, among: containers) ?? foreign($0) }
  }

  /// What a Compose that was killed while it replaced a container leaves behind: a new container, never started, under
  /// the name `OLDID_NAME`. While the old one is there, the new one is only in the way; else the new one takes its name,
  /// and keeps its anonymous volumes.
  private static func halfReplaced(_ container: EngineContainer, among containers: [EngineContainer]) -> UpObstacle? {
    guard container.state == .created, let match = container.name.wholeMatch(of: /([0-9a-f]{12})_(.+)/),
      !container.id.hasPrefix(match.1)
    else { return nil }
    let isOldThere = containers.contains { $0.id.hasPrefix(match.1) }
    return isOldThere ? .remove(id: container.id) : .rename(id: container.id, name: String(match.2))
  }

  /// A container that somebody gave the project's label by hand: without a configuration hash Compose takes it for none
  /// of its own, leaves it running and may find its name taken.
  private static func foreign(_ container: EngineContainer) -> UpObstacle? {
    container.configHash.isEmpty && !container.isOneOff ? .remove(id: container.id) : nil
  }
}
