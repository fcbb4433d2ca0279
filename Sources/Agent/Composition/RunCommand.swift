import ArgumentParser
import ClusterAccess
import ComposeBundles
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Logging
import ObjectStorage
import Observability
import ProgramConfiguration
import Reconciliation
import ResourceClient
import ResourceModel
import ServiceLifecycle
import SystemPackage
import Timing
import UnixSignals

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Converge environments until SIGTERM.",
    discussion: """
      Everything is told by the environment, in variables that begin with WRKTALK_AGENT_. A wrong one ends the program \
      with exit code 78. At least WRKTALK_AGENT_TOKEN_FILE, WRKTALK_AGENT_BUCKET_NAME with WRKTALK_AGENT_BUCKET_PROVIDER, and \
      WRKTALK_AGENT_TRUST_ROOT_FILE are set; the README describes each, under "Settings".
      """)

  /// `EX_TEMPFAIL`: whoever started the program starts it again.
  private static let temporaryExitCode: Int32 = 75
  /// After the bound of running upgrades, for telling the last status and giving back the lease.
  private static let farewell = Duration.seconds(30)

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let configuration: AgentConfiguration
    let http = HTTPClient(userAgent: "wrktalk-agent/\(ProgramVersion.current)")
    let bucket: any Bucket
    let store: any StateStore
    do {
      configuration = try AgentConfiguration(environment: environment) { path in
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
      }
      bucket = makeBucket(
        try BucketConfiguration(environment: environment, prefix: MachineVariables.prefix), http: http)
      try Self.checkFolder(configuration.workingDirectory)
      store = try Self.makeStore(configuration, http: http)
      try await configuration.trust.establish(in: store)
    } catch {
      _ = try? FileDescriptor.standardError.writeAll("wrktalk-agent: \(error)\n".utf8)
      throw ExitCode(error is RuntimeFailure ? Self.temporaryExitCode : ConfigurationError.exitCode)
    }
    LoggingBootstrap(level: configuration.logLevel, format: configuration.logFormat)
      .install(metadataProvider: .reconcile)
    let logger = Logger(label: "wrktalk-agent")
    for name in EnvironmentVariables.agent(environment).unknownNames(besides: EnvironmentVariables.agentNames) {
      logger.warning("Variable is not known; is it misspelt?", metadata: ["variable": .string(name)])
    }
    logger.info(
      "Starting",
      metadata: [
        "version": .string(ProgramVersion.current), "namespace": .string(configuration.namespace),
        "server": .string(configuration.source.endpoint.baseURL),
        "cluster": .string(configuration.cluster?.source ?? "none"), "bucket": .string(bucket.name),
      ])
    Self.sayWhatIsBelieved(configuration, store, logger)
    let handover = Handover()
    let service = AgentService(
      configuration: configuration,
      runtime: AllowedRuntime(
        runtime: Self.makeRuntime(
          configuration, environment: environment, http: http, handover: handover, logger: logger),
        allowed: configuration.allowed),
      preparation: ReleasePreparation(
        bucket: bucket, workingDirectory: configuration.workingDirectory),
      memory: AgentMemory(store: store, allowsUnsigned: configuration.trust == .unsigned), http: http,
      handover: handover, identity: Self.identity(), now: SystemTime.now, logger: logger)
    var group = ServiceGroupConfiguration(
      services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    group.maximumGracefulShutdownDuration = configuration.shutdownTimeout + Self.farewell
    try await ServiceGroup(configuration: group).run()
    await http.shutdown()
    logger.info("Stopped")
  }

  /// Before anything is read from it, written to it or removed from it. A full disk may be emptied while the Agent runs.
  private static func checkFolder(_ path: String) throws(RuntimeFailure) {
    do throws(RuntimeFailure) {
      try WorkingDirectory(path: path).create()
    } catch {
      if error.reason != "DiskFull" { throw error }
    }
  }

  private static func makeStore(
    _ configuration: AgentConfiguration, http: HTTPClient
  ) throws(ConfigurationError) -> any StateStore {
    guard let name = configuration.stateSecret else {
      return FolderStateStore(workingDirectory: configuration.workingDirectory)
    }
    guard let cluster = configuration.cluster else {
      throw ConfigurationError(
        "is set, but this Agent knows no cluster: what it remembers lies in its working directory",
        setting: "WRKTALK_AGENT_STATE_SECRET")
    }
    return SecretStateStore(
      client: ResourceClient(endpoint: cluster.endpoint, http: http),
      secret: ObjectKey(namespace: configuration.namespace, name: name))
  }

  private static func sayWhatIsBelieved(_ configuration: AgentConfiguration, _ store: any StateStore, _ logger: Logger)
  {
    if configuration.trust == .unsigned {
      logger.warning("UNSIGNED releases are deployed: WRKTALK_AGENT_ALLOW_UNSIGNED is set")
    }
    if configuration.podName != nil, configuration.stateSecret == nil {
      logger.warning(
        "What this Agent remembers ends with its pod, unless its working directory lies on a volume: set WRKTALK_AGENT_STATE_SECRET",
        metadata: ["place": .string(store.place)])
    }
  }

  private static func makeRuntime(
    _ configuration: AgentConfiguration, environment: [String: String], http: HTTPClient, handover: Handover,
    logger: Logger
  ) -> any DeploymentRuntime {
    switch configuration.deploymentType {
    case .docker:
      ComposeRuntime(
        configuration: .init(
          workingDirectory: configuration.workingDirectory, endpoint: configuration.dockerEndpoint,
          environment: environment, ownContainer: .current(hostName: ProcessInfo.processInfo.hostName),
          terminationGrace: configuration.terminationGrace),
        http: http, handover: handover, logger: logger)
    case .kubernetes(let cluster):
      HelmRuntime(
        configuration: .init(
          workingDirectory: configuration.workingDirectory, environment: environment,
          executable: configuration.helmBinary, kubeconfig: cluster.kubeconfigPath, context: cluster.context,
          historyMax: configuration.helmHistoryMax, podName: configuration.podName,
          trustsValuesSources: !configuration.allowed.valuesSources.patterns.isEmpty,
          terminationGrace: configuration.terminationGrace),
        client: ResourceClient(endpoint: cluster.endpoint, http: http), registries: http, now: SystemTime.now,
        logger: logger)
    }
  }

  /// The host's name and a random part: no two processes have the same.
  private static func identity() -> String {
    "\(ProcessInfo.processInfo.hostName)_\(randomReconcileID())"
  }
}
