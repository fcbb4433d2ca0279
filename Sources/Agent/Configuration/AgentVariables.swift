import ComposeBundles
import Glibc
import Logging
import Observability
import WireFormats

/// Reads typed values out of the environment's variables.
struct AgentVariables {
  static let prefix = MachineVariables.prefix

  /// Every name that the specification or this program gives a meaning.
  static let names = MachineVariables.names.union([
    "BACKEND_URL", "BACKEND_TIMEOUT", "POLL_INTERVAL", "KUBE_NAMESPACE", "HELM_RELEASE_NAME", "HELM_TIMEOUT",
    "COMPOSE_PROJECT_NAME", "BUCKET_PROVIDER", "BUCKET_NAME", "BUCKET_REGION", "BUCKET_ENDPOINT", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CONNECTION_STRING", "GCS_CREDENTIALS_FILE",
    "HEARTBEAT_INTERVAL", "LOG_LEVEL", "LOG_FORMAT", "TOKEN", "TOKEN_FILE", "CA_FILE", "LEASE_DURATION",
    "SHUTDOWN_TIMEOUT", "HELM_HISTORY_MAX",
  ])

  let environment: [String: String]
  /// Whether the program runs with root's rights.
  var isRoot = geteuid() == 0

  /// The value, without surrounding white space; nil where the variable is not set or empty.
  subscript(name: String) -> String? { Self.trimmed(environment[Self.prefix + name]) }

  /// Variables with the Agent's prefix that mean nothing: most likely misspelt.
  var unknownNames: [String] {
    environment.keys.filter {
      $0.hasPrefix(Self.prefix) && !Self.names.contains(String($0.dropFirst(Self.prefix.count)))
    }
    .sorted()
  }

  func url(_ name: String, default standard: String) throws(AgentConfigurationError) -> String {
    let text = self[name] ?? standard
    guard let scheme = ["http://", "https://"].first(where: text.lowercased().hasPrefix), text.count > scheme.count,
      !text.contains(where: { $0.isWhitespace || $0 == "@" })
    else { throw wrong(name, "must be an http or https URL without a user and password") }
    return text
  }

  /// Whole seconds as the specification has it (`30`), or a span of time (`30s`, `5m`).
  func duration(
    _ name: String, default standard: Duration, in range: ClosedRange<Duration>
  ) throws(AgentConfigurationError) -> Duration {
    guard let text = self[name] else { return standard }
    let value =
      Int64(text).flatMap { $0 >= 0 && $0 <= 1_000_000 ? Duration.seconds($0) : nil } ?? DurationText(text)?.duration
    guard let value, range.contains(value) else {
      throw wrong(
        name,
        "\"\(text)\" must be a number of seconds or a span of time such as 30s, from \(DurationText(range.lowerBound)) "
          + "to \(DurationText(range.upperBound))")
    }
    return value
  }

  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default standard: Choice
  ) throws(AgentConfigurationError) -> Choice where Choice.RawValue == String {
    guard let text = self[name] else { return standard }
    guard let choice = Choice(rawValue: text.lowercased()) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw wrong(name, "\"\(text)\" is none of: \(known)")
    }
    return choice
  }

  func integer(
    _ name: String, default standard: Int, in range: ClosedRange<Int>
  ) throws(AgentConfigurationError) -> Int {
    guard let text = self[name] else { return standard }
    guard let number = Int(text), range.contains(number) else {
      throw wrong(name, "\"\(text)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func absolutePath(_ name: String, default standard: String) throws(AgentConfigurationError) -> String {
    var path = self[name] ?? standard
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard path.hasPrefix("/"), path != "/", !path.split(separator: "/").contains("..") else {
      throw wrong(name, "must be an absolute path, and not the root")
    }
    return path
  }

  func dockerEndpoint() throws(AgentConfigurationError) -> DockerEndpoint {
    guard let host = Self.trimmed(environment["DOCKER_HOST"]) else { return .standard }
    guard let endpoint = DockerEndpoint(host: host) else {
      throw AgentConfigurationError(
        variable: "DOCKER_HOST", message: "must name a Unix socket, such as unix:///var/run/docker.sock")
    }
    return endpoint
  }

  /// The levels of swift-log, and those of Python's logging that the specification uses.
  func logLevel() throws(AgentConfigurationError) -> Logger.Level {
    guard let text = self["LOG_LEVEL"] else { return .info }
    if let level = LoggingBootstrap.level(named: text) { return level }
    throw wrong("LOG_LEVEL", "\"\(text)\" is none of: \(LoggingBootstrap.levelNames.joined(separator: ", "))")
  }

  func wrong(_ name: String, _ message: String) -> AgentConfigurationError {
    AgentConfigurationError(variable: Self.prefix + name, message: message)
  }

  static func trimmed(_ text: String?) -> String? {
    guard var rest = text.map({ Substring($0) }) else { return nil }
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest.isEmpty ? nil : String(rest)
  }
}
