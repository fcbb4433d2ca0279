public import Cryptography
public import Logging
public import Observability
import WireFormats

/// What the Agent is told by its environment (spec §6.2, Appendix A; the prefix is `WRKTALK_AGENT_`).
public struct AgentConfiguration: Sendable {
  public enum Source: String, Sendable, CaseIterable {
    case backend
    case kubernetes
  }

  public enum Token: Sendable, Hashable {
    case fixed(String)
    case file(path: String)
  }

  public var backendURL: String
  public var backendTimeout: Duration
  public var source: Source
  public var token: Token
  /// PEM bundle to trust instead of the system's, for the Backend's TLS certificate.
  public var certificateAuthorityFile: String?
  public var namespace: String
  public var composeWorkingDirectory: String
  /// With it, an artifact without a valid signature is refused.
  public var vendorPublicKey: Ed25519.PublicKey?
  public var dockerEndpoint: DockerEndpoint
  public var leaseDuration: Duration
  /// How long a running upgrade may go on after SIGTERM.
  public var shutdownTimeout: Duration
  public var logLevel: Logger.Level
  public var logFormat: LogFormat

  /// - Parameters:
  ///   - environment: variables by name.
  ///   - readFile: gives the text of a file, or nil where it cannot be read.
  /// - Throws: the first variable that is wrong or missing.
  public init(
    environment: [String: String], readFile: (String) -> String?
  ) throws(AgentConfigurationError) {
    let variables = AgentVariables(environment: environment)
    backendURL = try variables.url("BACKEND_URL", default: "http://localhost:3000")
    backendTimeout = try variables.duration("BACKEND_TIMEOUT", default: .seconds(30), in: .seconds(1)...(.seconds(600)))
    source = try variables.choice("SOURCE", default: .backend)
    token = try variables.token()
    certificateAuthorityFile = variables["CA_FILE"]
    namespace = variables["KUBE_NAMESPACE"] ?? "wrktalk"
    composeWorkingDirectory = try variables.absolutePath("COMPOSE_WORKING_DIR", default: "/tmp/wrktalk")
    vendorPublicKey = try variables.vendorPublicKey(readFile: readFile)
    dockerEndpoint = try variables.dockerEndpoint()
    leaseDuration = try variables.duration("LEASE_DURATION", default: .seconds(15), in: .seconds(1)...(.seconds(600)))
    shutdownTimeout = try variables.duration("SHUTDOWN_TIMEOUT", default: .seconds(300), in: .zero...(.seconds(7200)))
    logLevel = try variables.logLevel()
    logFormat = try variables.choice("LOG_FORMAT", default: .json)
    switch try variables.choice("DEPLOYMENT_TYPE", default: DeploymentType.kubernetes) {
    case .docker: break
    case .kubernetes:
      throw AgentConfigurationError(
        variable: AgentVariables.prefix + "DEPLOYMENT_TYPE",
        message: "kubernetes (also the default) is not supported by this version; set it to docker")
    }
  }

  private enum DeploymentType: String, CaseIterable {
    case kubernetes
    case docker
  }
}

/// A variable of the environment that is wrong or missing; never holds its value where that may be a secret.
public struct AgentConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  public var variable: String
  public var message: String

  public init(variable: String, message: String) {
    self.variable = variable
    self.message = message
  }

  public var description: String { "\(variable): \(message)" }
}
