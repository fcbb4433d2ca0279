import WireFormats

@testable import Agent

/// Rows of the engine's list of containers.
func engineContainer(
  _ id: String, name: String? = nil, service: String = "web", state: String = "running", hash: String = "hash",
  dependencies: String = "", owner: String? = nil, isOneOff: Bool = false, networks: [String] = []
) -> EngineContainer {
  var labels: [String: JSONValue] = [
    "com.docker.compose.service": .string(service), "com.docker.compose.config-hash": .string(hash),
    "com.docker.compose.oneoff": isOneOff ? "True" : "False", "com.docker.compose.depends_on": .string(dependencies),
  ]
  if let owner { labels[ReleaseOverride.ownerLabel] = .string(owner) }
  return EngineContainer([
    "Id": .string(id), "Names": [.string("/\(name ?? "p-\(service)-1")")], "State": .string(state),
    "Status": state == "running" ? "Up 3 seconds" : state == "created" ? "Created" : "Exited (0) 2 seconds ago",
    "Labels": .object(labels),
    "NetworkSettings": ["Networks": .object(Dictionary(networks.map { ($0, [:]) }) { first, _ in first })],
  ])!
}

func composeService(_ name: String, containerName: String? = nil, replicas: Int = 1) -> ComposeService {
  ComposeService(
    name: name, image: "\(name):1", restart: .always, replicas: replicas, isAwaitedToComplete: false,
    containerName: containerName)
}
