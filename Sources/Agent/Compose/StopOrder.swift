/// In which order containers are stopped: what depends on others before them, what is independent at the same time.
struct StopOrder: Sendable {
  private var waiting: [EngineContainer]
  private var stopping: [EngineContainer] = []

  init(_ containers: [EngineContainer]) { waiting = containers }

  /// What is to be stopped now: nothing that is left depends on it. Where all that is left depends on each other, all of it.
  mutating func next() -> [EngineContainer] {
    let needed = (waiting + stopping).reduce(into: Set<String>()) { needed, container in
      needed.formUnion(container.dependencies.subtracting([container.service]))
    }
    var found = waiting.filter { !needed.contains($0.service) }
    if found.isEmpty, stopping.isEmpty { found = waiting }
    let ids = Set(found.map(\.id))
    waiting.removeAll { ids.contains($0.id) }
    stopping += found
    return found
  }

  mutating func ended(_ container: EngineContainer) { stopping.removeAll { $0.id == container.id } }
}
