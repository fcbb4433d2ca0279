import ComposeBundles
import Logging
import ObjectStorage
import Observability
import ProgramConfiguration

/// The variables of the Agent (spec §6.2, Appendix A).
extension EnvironmentVariables {
  static func agent(_ environment: [String: String]) -> EnvironmentVariables {
    EnvironmentVariables(environment, prefix: MachineVariables.prefix)
  }

  /// Every name that the specification or this program gives a meaning.
  static let agentNames = MachineVariables.names.union(BucketConfiguration.names).union([
    "BACKEND_URL", "INSECURE_HTTP", "BACKEND_TIMEOUT", "POLL_INTERVAL", "KUBE_NAMESPACE", "HELM_RELEASE_NAME",
    "HELM_TIMEOUT",
    "COMPOSE_PROJECT_NAME", "HEARTBEAT_INTERVAL", "LOG_LEVEL", "LOG_FORMAT", "TOKEN", "TOKEN_FILE", "CA_FILE",
    "LEASE_DURATION",
    "SHUTDOWN_TIMEOUT", "HELM_HISTORY_MAX",
  ])

  func dockerEndpoint() throws(ConfigurationError) -> DockerEndpoint {
    guard let host = unprefixed("DOCKER_HOST") else { return .standard }
    guard let endpoint = DockerEndpoint(host: host) else {
      throw ConfigurationError("must name a Unix socket, such as unix:///var/run/docker.sock", setting: "DOCKER_HOST")
    }
    return endpoint
  }

  /// The levels of swift-log, and those of Python's logging that the specification uses.
  func logLevel() throws(ConfigurationError) -> Logger.Level {
    guard let text = self["LOG_LEVEL"] else { return .info }
    guard let level = LoggingBootstrap.level(named: text) else {
      throw wrong("LOG_LEVEL", text, isNoneOf: LoggingBootstrap.levelNames)
    }
    return level
  }
}
