import WireFormats

/// A service of a Compose project, as `config` resolves it.
struct ComposeService: Sendable, Hashable {
  enum Restart: Sendable, Hashable {
    /// Nothing is said: the engine does not restart it.
    case unspecified
    case never
    case onFailure
    case always
  }

  var name: String
  /// Nil for a service that names none, because it is built from source.
  var image: String?
  var restart: Restart
  var replicas: Int
  /// Another service waits for it to end with exit code 0.
  var isAwaitedToComplete: Bool
  /// The services that it depends on.
  var dependencies: Set<String> = []
  /// The name that its one container is to have.
  var containerName: String?
  /// Whether it takes a port of the host that the Compose file names.
  var publishesFixedPorts = false
  /// Whether it takes a port of the host at all.
  var publishesPorts = false
  /// The bundle brings the source of its image.
  var isBuilt = false

  /// Whether ending with exit code 0 is what it is there for.
  var mayComplete: Bool {
    switch restart {
    case .unspecified, .never, .onFailure: true
    case .always: isAwaitedToComplete
    }
  }
}

extension ComposeService {
  /// The services of a resolved Compose file, in the order of their names.
  static func services(of file: JSONValue) -> [ComposeService] {
    let services = file["services"]?.object ?? [:]
    var awaited: Set<String> = []
    for service in services.values {
      for (name, dependency) in service["depends_on"]?.object ?? [:]
      where dependency["condition"]?.string == "service_completed_successfully" {
        awaited.insert(name)
      }
    }
    return services.keys.sorted().map { name in
      let service = services[name] ?? .null
      return ComposeService(
        name: name, image: service["image"]?.string, restart: restart(of: service), replicas: replicas(of: service),
        isAwaitedToComplete: awaited.contains(name), dependencies: dependencies(of: service),
        containerName: service["container_name"]?.string, publishesFixedPorts: publishesFixedPorts(service),
        publishesPorts: !(service["ports"]?.array ?? []).isEmpty, isBuilt: service["build"].map { $0 != .null } ?? false
      )
    }
  }

  private static func dependencies(of service: JSONValue) -> Set<String> {
    let names = service["depends_on"]?.object?.keys.map { $0 } ?? []
    return Set(names + (service["depends_on"]?.array ?? []).compactMap(\.string))
  }

  /// Compose writes a port as a mapping or, for older file formats, as `127.0.0.1:8080:80/tcp`.
  private static func publishesFixedPorts(_ service: JSONValue) -> Bool {
    guard service["network_mode"]?.string != "host" else { return false }
    return (service["ports"]?.array ?? []).contains { port in
      port.string.map { $0.contains(":") } ?? (port["published"].map { $0 != .null && $0 != "" } ?? false)
    }
  }

  private static func restart(of service: JSONValue) -> Restart {
    // `deploy.restart_policy` speaks of the same thing in other words.
    let text = service["restart"]?.string ?? service["deploy"]?["restart_policy"]?["condition"]?.string
    switch text?.split(separator: ":").first {
    case nil: return .unspecified
    case "no", "none": return .never
    case "on-failure": return .onFailure
    default: return .always
    }
  }

  private static func replicas(of service: JSONValue) -> Int {
    Int(service["scale"]?.integer ?? service["deploy"]?["replicas"]?.integer ?? 1)
  }
}
