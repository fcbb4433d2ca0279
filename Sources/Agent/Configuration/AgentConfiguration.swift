public import ClusterAccess
public import DeploymentKinds
public import Glibc
public import Logging
public import Observability
public import ProgramConfiguration
public import ResourceClient
import WireFormats

/// What the Agent is told by its environment (spec §6.2, Appendix A; the prefix is `WRKTALK_AGENT_`).
public struct AgentConfiguration: Sendable {
  /// Who serves the desired deployments, the Lease and the Events.
  public enum Source: Sendable {
    case backend(APIEndpoint)
    /// The cluster's API server, which holds the CRD.
    case kubernetes(ClusterConfiguration)

    public var endpoint: APIEndpoint {
      switch self {
      case .backend(let endpoint): endpoint
      case .kubernetes(let cluster): cluster.endpoint
      }
    }
  }

  /// What the Agent deploys to.
  public enum DeploymentType: Sendable {
    case docker
    case kubernetes(ClusterConfiguration)

    public var runtime: DeploymentRuntimeKind {
      switch self {
      case .docker: .compose
      case .kubernetes: .helm
      }
    }
  }

  public var source: Source
  /// How long one request to the source may take.
  public var backendTimeout: Duration
  public var deploymentType: DeploymentType
  public var namespace: String
  public var workingDirectory: String
  /// What `wrktalk-agent health` reads.
  public var healthFile: String
  /// A path, or a name to be found in `PATH`.
  public var helmBinary: String
  /// Revisions that Helm keeps of a release.
  public var helmHistoryMax: Int
  /// The pod that this Agent runs in, by which it recognises itself; nil outside of a cluster.
  public var podName: String?
  /// Whom it is to believe.
  public var trust: TrustSetting
  /// How it checks the licence by itself; nil: it believes the Backend.
  public var license: LicenseCheck?
  /// The Secret of its namespace that holds what it remembers; nil where that lies in its working directory.
  public var stateSecret: String?
  public var dockerEndpoint: DockerEndpoint
  /// What the Agent's administrator lets it deploy to.
  public var allowed: AllowedDeployments
  public var leaseDuration: Duration
  /// How long a running upgrade may go on after SIGTERM.
  public var shutdownTimeout: Duration
  public var logLevel: Logger.Level
  public var logFormat: LogFormat

  /// - Parameters:
  ///   - environment: variables by name.
  ///   - isRoot: whether the program runs with root's rights.
  ///   - readFile: gives the text of a file, or nil where it cannot be read.
  /// - Throws: the first variable that is wrong or missing.
  public init(
    environment: [String: String], isRoot: Bool = geteuid() == 0, readFile: (String) -> String?
  ) throws(ConfigurationError) {
    let variables = EnvironmentVariables.agent(environment)
    switch (
      try variables.choice("SOURCE", default: SourceName.backend),
      try variables.choice("DEPLOYMENT_TYPE", default: DeploymentTypeName.kubernetes)
    ) {
    case (.backend, .docker):
      (source, deploymentType) = (.backend(try variables.backendEndpoint()), .docker)
    case (.backend, .kubernetes):
      let backend = try variables.backendEndpoint()
      (source, deploymentType) = (.backend(backend), .kubernetes(try variables.cluster(readFile: readFile)))
    case (.kubernetes, .docker):
      (source, deploymentType) = (.kubernetes(try variables.cluster(readFile: readFile)), .docker)
    case (.kubernetes, .kubernetes):
      let cluster = try variables.cluster(readFile: readFile)
      (source, deploymentType) = (.kubernetes(cluster), .kubernetes(cluster))
    }
    backendTimeout = try variables.duration("BACKEND_TIMEOUT", default: .seconds(30), in: .seconds(1)...(.seconds(600)))
    namespace = variables["KUBE_NAMESPACE"] ?? "wrktalk"
    workingDirectory = try variables.workingDirectory(isRoot: isRoot)
    healthFile = try variables.healthFile(isRoot: isRoot)
    helmBinary = variables["HELM_BINARY"] ?? "helm"
    helmHistoryMax = try variables.integer("HELM_HISTORY_MAX", default: 10, in: 2...256)
    podName = variables["POD_NAME"]
    trust = try variables.trust(readFile: readFile)
    license = try variables.licenseCheck(readFile: readFile)
    stateSecret = try variables.stateSecret()
    dockerEndpoint = try variables.dockerEndpoint()
    allowed = try variables.allowedDeployments()
    leaseDuration = try variables.duration("LEASE_DURATION", default: .seconds(15), in: .seconds(1)...(.seconds(600)))
    shutdownTimeout = try variables.duration("SHUTDOWN_TIMEOUT", default: .seconds(300), in: .zero...(.seconds(7200)))
    logLevel = try variables.logLevel()
    logFormat = try variables.choice("LOG_FORMAT", default: .json)
  }

  /// The cluster that the Agent reads from or deploys to.
  public var cluster: ClusterConfiguration? {
    switch (source, deploymentType) {
    case (.kubernetes(let cluster), _), (_, .kubernetes(let cluster)): cluster
    case (.backend, .docker): nil
    }
  }

  private enum SourceName: String, CaseIterable {
    case backend
    case kubernetes
  }

  private enum DeploymentTypeName: String, CaseIterable {
    case kubernetes
    case docker
  }
}
