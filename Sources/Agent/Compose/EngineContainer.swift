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
  /// The services that its own depends on, where Compose (version 2) noted them.
  var dependencies: Set<String>
  /// The record that its project was made for, `NAMESPACE/NAME`; nil where no Agent made it.
  var owner: String?
  /// The names of the networks it is on.
  var networks: Set<String>
  /// A mount of a folder or file of the host.
  struct Mount: Sendable, Hashable {
    var source: String
    var isWritable: Bool
  }

  var mounts: [Mount]
  /// The project directory that Compose created it from.
  var workingDirectory: String
  /// What `BundleMounts.label` says on it.
  var mountedFiles: String?
  /// Seconds since 1970.
  var createdAt: Int64

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
    // Written as `db:service_healthy:false,cache:service_started:false`.
    dependencies = Set(
      (labels?["com.docker.compose.depends_on"]?.string ?? "").split(separator: ",").map { entry in
        String(entry.prefix { $0 != ":" })
      })
    owner = labels?[ReleaseOverride.ownerLabel]?.string
    networks = Set(row["NetworkSettings"]?["Networks"]?.object?.keys.map { $0 } ?? [])
    workingDirectory = labels?["com.docker.compose.project.working_dir"]?.string ?? ""
    mountedFiles = labels?[BundleMounts.label]?.string
    createdAt = row["Created"]?.integer ?? 0
    mounts = (row["Mounts"]?.array ?? []).compactMap { mount in
      guard mount["Type"]?.string == "bind", let source = mount["Source"]?.string else { return nil }
      return Mount(source: source, isWritable: mount["RW"]?.bool ?? true)
    }
  }

  func observation(_ detail: EngineContainerDetail?) -> EnvironmentObservation.Container {
    EnvironmentObservation.Container(
      service: service, name: name, id: id, state: state, health: health, image: image, imageID: imageID,
      configHash: configHash, isOneOff: isOneOff, settings: detail?.settings)
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

/// What only an inspection reports.
struct EngineContainerDetail: Sendable, Hashable {
  var exitCode: Int
  var restartCount: Int
  var isOutOfMemory: Bool
  /// The engine's own word on a failed start.
  var startError: String
  var hasTerminal: Bool
  /// What the last probe of the health check printed.
  var lastHealthOutput: String
  /// How long it may take to stop; nil for the engine's default, negative for as long as it takes.
  var stopTimeout: Duration?
  /// What `docker update` and `docker network` may change of it, each by its name.
  var settings: [String: String]
  /// Where the engine writes what it prints: `json-file`, `none`.
  var logDriver: String

  /// What the engine grants where nothing is said.
  static let standardStopTimeout = Duration.seconds(10)

  init(_ body: JSONValue) {
    let state = body["State"]
    exitCode = Int(state?["ExitCode"]?.integer ?? 0)
    restartCount = Int(body["RestartCount"]?.integer ?? 0)
    isOutOfMemory = state?["OOMKilled"]?.bool ?? false
    startError = state?["Error"]?.string ?? ""
    hasTerminal = body["Config"]?["Tty"]?.bool ?? false
    lastHealthOutput = state?["Health"]?["Log"]?.array?.last?["Output"]?.string ?? ""
    stopTimeout = body["Config"]?["StopTimeout"]?.integer.map { .seconds($0) }
    settings = Self.settings(body)
    logDriver = body["HostConfig"]?["LogConfig"]?["Type"]?.string ?? ""
  }

  /// The engine's names of limits, and ours.
  private static let limits = [
    "Memory": "memory", "MemoryReservation": "memory reservation", "MemorySwap": "memory and swap",
    "NanoCpus": "nanocpus",
    "CpuShares": "cpu shares", "CpuPeriod": "cpu period", "CpuQuota": "cpu quota", "PidsLimit": "pids limit",
    "BlkioWeight": "blkio weight",
  ]

  private static func settings(_ body: JSONValue) -> [String: String] {
    var settings: [String: String] = [:]
    let host = body["HostConfig"]
    for (name, title) in limits {
      // 0 and null stand for none.
      if let value = host?[name]?.integer, value != 0 { settings[title] = String(value) }
    }
    if let cpus = host?["CpusetCpus"]?.string, !cpus.isEmpty { settings["cpus"] = cpus }
    let restart = host?["RestartPolicy"]
    if let name = restart?["Name"]?.string, !name.isEmpty, name != "no" {
      let limit = restart?["MaximumRetryCount"]?.integer ?? 0
      settings["restart policy"] = limit > 0 ? "\(name):\(limit)" : name
    }
    let networks = body["NetworkSettings"]?["Networks"]?.object?.keys.sorted() ?? []
    if !networks.isEmpty { settings["networks"] = networks.joined(separator: ", ") }
    return settings
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
