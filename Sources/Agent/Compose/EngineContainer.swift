import DeploymentPlanning
import WireFormats

/// One row of the engine's container list.
struct EngineContainer: Sendable, Hashable {
  typealias State = EnvironmentObservation.Container.State
  typealias Health = EnvironmentObservation.Container.Health

  var id: String
  var name: String
  var service: String
  var image: String
  var imageID: String
  var configHash: String
  var isOneOff: Bool
  var state: State
  var health: Health
  /// How long it has been up, as the engine tells it: whole seconds below a minute, a minute for all above; nil where
  /// it is not running.
  var uptime: Duration?
  /// How it last ended, where it has and is not running again.
  var exitCode: Int?
  /// Where its bind mounts lie on the host.
  var mountSources: [String]

  init?(_ row: JSONValue) {
    guard let id = row["Id"]?.string else { return nil }
    self.id = id
    // A linked container carries further names of the form `/other/alias`.
    let names = (row["Names"]?.array ?? []).compactMap(\.string).map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
    name = names.first { !$0.contains("/") } ?? names.first ?? String(id.prefix(12))
    let labels = row["Labels"]
    service = labels?["com.docker.compose.service"]?.string ?? ""
    configHash = labels?["com.docker.compose.config-hash"]?.string ?? ""
    isOneOff = labels?["com.docker.compose.oneoff"]?.string?.lowercased() == "true"
    image = row["Image"]?.string ?? ""
    imageID = row["ImageID"]?.string ?? ""
    let status = ContainerStatusText(state: row["State"]?.string ?? "", status: row["Status"]?.string ?? "")
    state = status.state
    health = status.health
    uptime = status.uptime
    exitCode = status.exitCode
    mountSources = (row["Mounts"]?.array ?? []).compactMap { $0["Source"]?.string }
  }

  var observation: EnvironmentObservation.Container {
    EnvironmentObservation.Container(
      service: service, name: name, id: id, state: state, health: health, image: image, imageID: imageID,
      configHash: configHash, isOneOff: isOneOff)
  }
}

/// What the engine's list says in words: `Up 3 seconds (healthy)`, `Exited (1) 2 hours ago`. Reading them spares an
/// inspection of each container.
struct ContainerStatusText: Sendable, Hashable {
  var state: EngineContainer.State
  var health: EngineContainer.Health
  var uptime: Duration?
  var exitCode: Int?

  init(state word: String, status: String) {
    exitCode = Self.exitCode(in: status)
    state =
      switch word {
      case "running": .running
      case "created": .created
      case "restarting": .restarting
      case "paused": .paused
      case "exited": .exited(code: exitCode ?? 0)
      default: .dead
      }
    if status.hasSuffix("(healthy)") {
      health = .healthy
    } else if status.hasSuffix("(unhealthy)") {
      health = .unhealthy
    } else if status.hasSuffix("(health: starting)") {
      health = .starting
    } else {
      health = .none
    }
    if word == "running", status.hasPrefix("Up ") { uptime = Self.uptime(status.dropFirst("Up ".count)) }
  }

  private static func exitCode(in status: String) -> Int? {
    guard let open = status.firstIndex(of: "("), let close = status[open...].firstIndex(of: ")") else { return nil }
    return Int(status[status.index(after: open)..<close])
  }

  private static func uptime(_ text: Substring) -> Duration {
    if text.hasPrefix("Less than a second") { return .zero }
    let words = text.split(separator: " ")
    if words.count >= 2, words[1].hasPrefix("second"), let seconds = Int(words[0]) { return .seconds(seconds) }
    return .seconds(60)
  }
}

/// What only an inspection tells.
struct EngineContainerDetail: Sendable, Hashable {
  var exitCode: Int
  var restartCount: Int
  var isOutOfMemory: Bool
  /// The engine's own word on a failed start.
  var startError: String
  var hasTerminal: Bool
  /// What the last probe of the health check printed.
  var lastHealthOutput: String

  init(_ body: JSONValue) {
    let state = body["State"]
    exitCode = Int(state?["ExitCode"]?.integer ?? 0)
    restartCount = Int(body["RestartCount"]?.integer ?? 0)
    isOutOfMemory = state?["OOMKilled"]?.bool ?? false
    startError = state?["Error"]?.string ?? ""
    hasTerminal = body["Config"]?["Tty"]?.bool ?? false
    lastHealthOutput = state?["Health"]?["Log"]?.array?.last?["Output"]?.string ?? ""
  }
}

/// What the engine says of an image it has.
struct EngineImage: Sendable, Hashable {
  /// `sha256:…`
  var id: String
  /// `repository@sha256:…`, one for each repository it was pulled from or pushed to.
  var repoDigests: [String]

  init(id: String, repoDigests: [String]) {
    self.id = id
    self.repoDigests = repoDigests
  }

  init?(_ body: JSONValue) {
    guard let id = body["Id"]?.string else { return nil }
    self.init(id: id, repoDigests: (body["RepoDigests"]?.array ?? []).compactMap(\.string))
  }
}
