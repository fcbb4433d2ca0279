import ComposeBundles
public import DeploymentKinds
public import DeploymentPlanning
import Files
public import HTTPTransport
public import Logging
import Synchronization
import Threads
import Timing

/// Deploys releases to a Docker engine through Compose, and gives Compose what it lacks: images fixed to digests, a wait
/// for health, and failures that say what failed.
///
/// It reads through the engine's socket and changes through the Compose CLI. It keeps nothing in memory that matters:
/// each method may be repeated after a crash at any point.
public final class ComposeRuntime: DeploymentRuntime {
  public struct Configuration: Sendable {
    /// Where bundles lie while they are in use. Where the Agent runs in a container, the host must have this folder
    /// under the same path, for the engine resolves bind mounts there.
    public var workingDirectory: String
    public var endpoint: DockerEndpoint
    /// What Compose gets of the Agent's environment: `PATH`, `HOME`, `DOCKER_CONFIG` (registry logins), proxies.
    public var environment: [String: String]
    /// Nil to look for it.
    public var command: ComposeCommand?
    /// How long a container without a health check must run before it counts as ready.
    public var settleTime: Duration
    /// How often the engine may restart a container before that counts as a crash loop.
    public var restartLimit: Int
    /// Where the Agent itself runs; it may be a part of the project that it deploys.
    public var ownContainer: OwnContainer?
    /// What Compose gets to end in when the Agent must stop. It has to be over before another Agent may take the lease.
    public var terminationGrace: Duration
    /// How long an engine that is away in the midst of a deployment is waited for: long enough for the machine to boot.
    public var engineAbsenceLimit: Duration

    public init(
      workingDirectory: String, endpoint: DockerEndpoint = .standard, environment: [String: String],
      command: ComposeCommand? = nil, settleTime: Duration = .seconds(3), restartLimit: Int = 5,
      ownContainer: OwnContainer? = nil, terminationGrace: Duration = .seconds(4),
      engineAbsenceLimit: Duration = .seconds(300)
    ) {
      self.workingDirectory = workingDirectory
      self.endpoint = endpoint
      self.environment = environment.filter { ComposeEnvironment.passedOn.contains($0.key) }
      self.command = command
      self.settleTime = settleTime
      self.restartLimit = restartLimit
      self.ownContainer = ownContainer
      self.terminationGrace = terminationGrace
      self.engineAbsenceLimit = engineAbsenceLimit
    }
  }

  let configuration: Configuration
  let engine: DockerEngine
  let handover: Handover
  let clock: any Clock<Duration>
  let logger: Logger
  private let detected = Mutex<ComposeCommand?>(nil)

  /// - Parameter handover: where the work is given to a successor.
  public init(
    configuration: Configuration, http: HTTPClient, handover: Handover = Handover(),
    clock: any Clock<Duration> = ContinuousClock(), logger: Logger
  ) {
    self.handover = handover
    self.configuration = configuration
    self.engine = DockerEngine(endpoint: configuration.endpoint, http: http)
    self.clock = clock
    self.logger = logger
  }

  public func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    let containers = try await engine.containers(project: target.name)
    var observed: [EnvironmentObservation.Container] = []
    for container in containers {
      // Of one that has ended nobody changes the limits.
      let isUp = container.state == .running && !container.isOneOff
      observed.append(container.observation(isUp ? try await engine.detail(container: container.id) : nil))
    }
    let directory = ProjectDirectory(workingDirectory: configuration.workingDirectory, project: target.name)
    let files = try await onOwnThread { () throws(RuntimeFailure) in
      try directory.differences(for: containers)
    }
    return .compose(observed, files: files)
  }

  public func changes(_ target: RuntimeTarget) -> AsyncStream<Void> {
    EngineWakeups(engine: engine, clock: clock).stream(project: target.name)
  }

  public func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    try Self.check(project: target.name)
    let deadline = Deadline(target.timeout, clock: clock)
    let directory = ProjectDirectory(workingDirectory: configuration.workingDirectory, project: target.name)
    try directory.create()
    let lock = try await TargetLock.take(
      directory.lockFile, title: "Compose run of project \(target.name)", deadline: deadline, clock: clock,
      progress: progress)
    let bundle = try await onOwnThread { () throws(RuntimeFailure) in
      try RuntimeFailure.mapping { () throws(BundleFault) in try ComposeBundle(folder: release.folder) }
    }
    var convergence = ComposeConvergence(
      runtime: self, command: try await command(), target: target, release: release, directory: directory,
      deadline: deadline, progress: progress, bundle: bundle,
      settings: EnvironmentFile(at: release.configFile ?? bundle.ownEnvironmentFile))
    var absences = EngineAbsences(engine: engine, clock: clock, limit: configuration.engineAbsenceLimit)
    while true {
      let vigil = EngineVigil(engine: engine, project: target.name)
      do throws(RuntimeFailure) {
        return try await convergence.run(holding: lock)
      } catch {
        // What fails while the engine goes may have failed for that alone, whatever its words.
        guard error.kind != .cancelled else { throw error }
        let hasMissed = await vigil.hasMissedEngine()
        guard hasMissed || error.reason == "EngineUnreachable" else { throw error }
        let span = try await absences.wait(after: error, progress: progress)
        convergence.deadline = convergence.deadline.extended(by: span)
      }
    }
  }

  /// Compose keeps nothing of what ran before.
  public func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? { nil }

  @discardableResult
  public func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String] {
    try Self.check(project: target.name)
    let directory = ProjectDirectory(workingDirectory: configuration.workingDirectory, project: target.name)
    try directory.create()
    // A Compose run that outlived its Agent would create containers after they were removed.
    let lock = try await TargetLock.take(
      directory.lockFile, title: "Compose run of project \(target.name)",
      deadline: Deadline(target.timeout, clock: clock), clock: clock, progress: progress)
    await progress(.init(step: .uninstalling, done: 0, total: 1, message: "removing the project \(target.name)"))
    if let owner = target.owner {
      let containers = try await engine.containers(project: target.name)
      if case .another(let other) = ProjectOwnership(containers: containers, owner: owner, isKnown: target.isRecorded) {
        return ["Nothing of the project \(target.name) was removed: it belongs to the DesiredDeployment \(other)"]
      }
    }
    let staying = try await engine.remove(project: target.name, keeping: configuration.ownContainer)
    try await onOwnThread { () throws(RuntimeFailure) in try directory.clear() }
    _ = consume lock
    return staying
  }

  func command() async throws(RuntimeFailure) -> ComposeCommand {
    if let known = configuration.command ?? detected.withLock({ $0 }) { return known }
    let found = try await ComposeCommand.detect(environment: configuration.environment)
    logger.info("found Compose", metadata: ["command": "\(found)"])
    detected.withLock { $0 = found }
    return found
  }

  /// The name becomes part of paths and of container names.
  static func check(project: String) throws(RuntimeFailure) {
    let allowed = project.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
    guard allowed, let first = project.first, first != "-", first != "_", project.utf8.count <= 128 else {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidProjectName",
        message:
          "\"\(project)\" is no Compose project name: lower-case letters, digits, - and _, a letter or digit first")
    }
  }
}
