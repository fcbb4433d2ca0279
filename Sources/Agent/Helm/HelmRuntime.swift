public import DeploymentKinds
public import DeploymentPlanning
import FoundationEssentials
public import HTTPTransport
public import Logging
public import ResourceClient
import ResourceModel
import Synchronization
import Timing
public import WireFormats

/// Deploys releases to a Kubernetes cluster through Helm, and gives Helm what it lacks: reasons that say what failed, a
/// rollback that survives the death of who began it, and the care for what was changed by hand.
///
/// It reads through the API server, from watches, and changes through the helm program; single objects that drifted it
/// applies itself. It keeps nothing in memory that matters: each method may be repeated after a crash at any point.
public final class HelmRuntime: DeploymentRuntime {
  public struct Configuration: Sendable {
    /// Where Helm keeps its caches and where locks lie.
    public var workingDirectory: String
    /// What helm gets of the Agent's environment.
    public var environment: [String: String]
    /// A path, or a name to be found in `PATH`.
    public var executable: String
    /// The context of the kubeconfig; nil for its current one, and inside a cluster.
    public var context: String?
    /// Revisions that Helm keeps of a release.
    public var historyMax: Int
    /// How often a container may be restarted before that counts as a crash loop.
    public var restartLimit: Int64
    /// The pod that this Agent runs in; nil outside of a cluster.
    public var podName: String?
    /// Whether the administrator of the Agent names from which Secrets and ConfigMaps values may come.
    public var trustsValuesSources: Bool
    /// What helm gets to end in when the Agent must stop. It has to be over before another Agent may take the lease.
    public var terminationGrace: Duration

    /// - Parameter kubeconfig: one file, or several with a colon between them, as the variable `KUBECONFIG` has them; nil
    ///   inside a cluster, where helm finds its access as the Agent does.
    public init(
      workingDirectory: String, environment: [String: String], executable: String = "helm", kubeconfig: String? = nil,
      context: String? = nil, historyMax: Int = 10, restartLimit: Int64 = 5, podName: String? = nil,
      trustsValuesSources: Bool = false, terminationGrace: Duration = .seconds(4)
    ) {
      self.workingDirectory = workingDirectory
      var passed = environment.filter { Self.passedOn.contains($0.key) }
      for (variable, folder) in [
        ("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data"),
      ] {
        passed[variable] = "\(workingDirectory)/.agent/helm/\(folder)"
      }
      // Without one, helm is to use the pod's account, whatever file lies in the home folder.
      passed["KUBECONFIG"] = kubeconfig ?? "/dev/null"
      self.environment = passed
      self.executable = executable
      self.context = context
      self.historyMax = historyMax
      self.restartLimit = restartLimit
      self.podName = podName
      self.trustsValuesSources = trustsValuesSources
      self.terminationGrace = terminationGrace
    }

    static let passedOn: Set<String> = [
      "PATH", "HOME", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
      "http_proxy", "https_proxy", "no_proxy", "TZ", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE",
      "SSL_CERT_DIR",
    ]
  }

  let configuration: Configuration
  let client: ResourceClient
  /// Asks image registries; nil where nobody is to.
  let registries: HTTPClient?
  let cluster: ClusterObjects
  let releases: HelmReleases
  let drift: DriftCheck
  let clock: any Clock<Duration>
  let now: @Sendable () -> Timestamp
  let logger: Logger
  private let detected = Mutex<HelmCommand?>(nil)

  public init(
    configuration: Configuration, client: ResourceClient, registries: HTTPClient? = nil,
    clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.configuration = configuration
    self.client = client
    self.registries = registries
    self.cluster = ClusterObjects(client: client, discovery: APIDiscovery(client: client), logger: logger)
    self.releases = HelmReleases(client: client)
    self.drift = DriftCheck(cluster: cluster, now: now)
    self.clock = clock
    self.now = now
    self.logger = logger
  }

  public func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    let revisions = try await cluster.revisions(release: target.name, namespace: target.namespace)
    guard let latest = revisions.first else { return .helm(HelmObservation(latest: nil)) }
    let record: HelmReleaseRecord
    let manifest: RenderedManifest
    do throws(RuntimeFailure) {
      guard let found = try await releases.record(latest) else { return .helm(HelmObservation(latest: nil)) }
      (record, manifest) = found
    } catch {
      guard error.isOfUnreadableRelease else { throw error }
      return .helm(
        HelmObservation(
          latest: .init(number: latest.number, status: latest.status, version: "", problem: error.message)))
    }
    let live = try await cluster.live(manifest.objects)
    let drifted = try await drift.drifted(manifest, live: live, of: target, revision: latest.number)
    let workloads = zip(manifest.objects, live).compactMap { object, live -> HelmObservation.Workload? in
      guard WorkloadKind(object) != nil else { return nil }
      return HelmObservation.Workload(object: object.title, health: WorkloadHealth.health(of: object, live: live))
    }
    return .helm(
      HelmObservation(
        latest: record.revision, differences: drifted.flatMap(\.differences), workloads: workloads))
  }

  public func changes(_ target: RuntimeTarget) -> AsyncStream<Void> {
    cluster.changes(release: target.name, namespace: target.namespace)
  }

  public func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    let failedBefore = release.manifest == nil ? nil : try await lastOfFailedInstallations(target)
    do throws(RuntimeFailure) {
      return try await operation(on: target, progress: progress).upgrade(to: release)
    } catch {
      if let failedBefore, error.reason == SignedImages.refusalReason {
        throw try await uninstalled(target, ifNewerThan: failedBefore, after: error, progress: progress)
      }
      guard target.returnsToFormer, error.kind == .permanent else { throw error }
      throw try await returned(target, after: error, progress: progress)
    }
  }

  /// The number of the newest revision where none has ever run, 0 where there is none; nil where one may have.
  private func lastOfFailedInstallations(_ target: RuntimeTarget) async throws(RuntimeFailure) -> Int64? {
    let revisions = try await releases.revisions(release: target.name, namespace: target.namespace)
    let haveFailed = revisions.allSatisfy { $0.status == .failed || $0.status == .pendingInstall }
    return haveFailed ? revisions.first?.number ?? 0 : nil
  }

  /// Takes an installation back that started what the vendor did not sign: there is nothing to return to, and it must not go
  /// on.
  /// - Returns: the failure, with a word about that.
  private func uninstalled(
    _ target: RuntimeTarget, ifNewerThan former: Int64, after failure: RuntimeFailure,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RuntimeFailure {
    let revisions = try await releases.revisions(release: target.name, namespace: target.namespace)
    guard let newest = revisions.first, newest.number > former else { return failure }
    var told = failure
    do throws(RuntimeFailure) {
      try await operation(on: target, progress: progress).uninstall()
      told.message += ". Nothing of the release ran before, so it was uninstalled"
    } catch {
      if error.kind == .cancelled { throw error }
      told.message += ". It could not be uninstalled, so what was started may go on: \(error.message)"
    }
    return told
  }

  /// Brings back what somebody else had deployed before the first upgrade of this Agent failed.
  /// - Returns: the failure, with a word about that.
  private func returned(
    _ target: RuntimeTarget, after failure: RuntimeFailure,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RuntimeFailure {
    let revisions = try await releases.revisions(release: target.name, namespace: target.namespace)
    var found: RevisionLabel?
    for revision in revisions where revision.status == .deployed || revision.status == .superseded {
      guard let (record, _) = try await releases.readable(revision), !record.neverDeployed else { continue }
      // Where an Agent has deployed here before, what else there is was replaced by that, or brought back by an Agent.
      if record.description.hasPrefix(HelmOperation.ownDescription) { return failure }
      found = found ?? revision
    }
    guard let former = found else { return failure }
    var told = failure
    do throws(RuntimeFailure) {
      _ = try await operation(on: target, progress: progress).restore(
        RevisionReference(former.number), purpose: .rollback)
      told.message += ". Revision \(former.number) of the release, which was there before, was brought back"
    } catch {
      if error.kind == .cancelled { throw error }
      told.message += ". Revision \(former.number), which was there before, could not be brought back: \(error.message)"
    }
    return told
  }

  public func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? {
    try await operation(on: target, progress: progress).restore(revision, purpose: purpose)
  }

  @discardableResult
  public func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String] {
    try await operation(on: target, progress: progress).uninstall()
    return []
  }

  func operation(
    on target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> HelmOperation {
    HelmOperation(
      runtime: self, command: try await command(), target: target, deadline: Deadline(target.timeout, clock: clock),
      progress: progress)
  }

  private func command() async throws(RuntimeFailure) -> HelmCommand {
    if let known = detected.withLock({ $0 }) { return known }
    let found = try await HelmCommand.detect(
      executable: configuration.executable, environment: configuration.environment,
      context: configuration.context)
    logger.info("found Helm", metadata: ["version": .string(found.version)])
    detected.withLock { $0 = found }
    return found
  }
}
