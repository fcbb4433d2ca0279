import ComposeBundles
public import DeploymentKinds
public import DeploymentPlanning
public import ReleaseManifest

/// The runtime that deploys releases: Docker Compose or Helm. Every method may be repeated after a crash at any point.
public protocol DeploymentRuntime: Sendable {
  /// Reads what runs now, without starting a child process.
  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation

  /// Makes the environment run `release` and waits until all of it is healthy; returns what then runs.
  /// - Parameter progress: called at each change of step and whenever what is waited for changes.
  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease

  /// Brings back what ran as `revision`, out of what the runtime itself keeps of it.
  /// - Returns: nil where it keeps nothing of it: the release is then to be prepared, and `converge` brings it back.
  func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease?

  /// Removes everything of the target but a project's volumes, and what a chart or Kubernetes keeps. Succeeds where there is
  /// nothing.
  /// - Returns: what else was left where it is, and why: a sentence each.
  func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String]

  /// Finds out whether a release would do well here, without touching anything that runs.
  /// - Returns: what was looked at; what could not be is among it, with the reason.
  /// - Throws: only where the task was cancelled.
  func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check]

  /// Yields whenever something of the target may have changed; a wake-up only, never a fact.
  func changes(_ target: RuntimeTarget) -> AsyncStream<Void>
}

/// Where releases go: a Compose project or a Helm release.
public struct RuntimeTarget: Sendable, Hashable {
  /// The Compose project or Helm release.
  public var name: String
  /// Where Helm's release and objects are.
  public var namespace: String
  /// How long one attempt may take from the first pull to full health.
  public var timeout: Duration
  /// Fields of live objects that others may change.
  public var driftIgnore: [DesiredDeploymentSpec.DriftIgnoreRule]
  /// No release is recorded that a rollback could return to, but one is wanted: where somebody else deployed one before,
  /// the runtime itself returns to it when an upgrade fails.
  public var returnsToFormer: Bool
  /// The record that it is deployed for, `NAMESPACE/NAME`; nil where nobody asks.
  public var owner: String?
  /// Whether the record says of a release that it was deployed there.
  public var isRecorded: Bool
  /// What the services of that release were started as.
  public var recorded: [DesiredDeploymentStatus.Service]
  /// The jobs of that release that have done their work, where it is only put right: they are not to run once more.
  public var finishedJobs: Set<String>

  public init(
    name: String, namespace: String = "", timeout: Duration,
    driftIgnore: [DesiredDeploymentSpec.DriftIgnoreRule] = [], returnsToFormer: Bool = false, owner: String? = nil,
    isRecorded: Bool = false, recorded: [DesiredDeploymentStatus.Service] = [], finishedJobs: Set<String> = []
  ) {
    self.name = name
    self.namespace = namespace
    self.timeout = timeout
    self.driftIgnore = driftIgnore
    self.returnsToFormer = returnsToFormer
    self.owner = owner
    self.isRecorded = isRecorded
    self.recorded = recorded
    self.finishedJobs = finishedJobs
  }
}

/// A release that was downloaded, verified and unpacked.
public struct PreparedRelease: Sendable {
  public var release: DesiredDeploymentStatus.Release
  /// The folder with the unpacked bundle or chart, mode 0700.
  public var folder: String
  /// The folder around it, which goes with the preparation; settings and values lie in it.
  var workFolder: String { folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? folder }
  /// The `.env` or values file, mode 0600; nil where the release needs none.
  public var configFile: String?
  /// Images to use instead of what the bundle's tags resolve to now, by service: references pinned to a digest. Given
  /// when a release that ran before is restored.
  public var pinnedImages: [String: String]
  /// What the vendor signed of it; nil where the Agent was told to deploy what nobody signed.
  public var manifest: Manifest?

  public init(
    release: DesiredDeploymentStatus.Release, folder: String, configFile: String?,
    pinnedImages: [String: String] = [:], manifest: Manifest? = nil
  ) {
    self.release = release
    self.folder = folder
    self.configFile = configFile
    self.pinnedImages = pinnedImages
    self.manifest = manifest
  }
}

/// Why a runtime could not do what it was asked.
public struct RuntimeFailure: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    /// The engine or registry cannot be reached, the disk is full: the same try may succeed later.
    case transient
    /// The release itself does not work here: the failure policy applies.
    case permanent
    /// The task was cancelled: the Agent is stopping.
    case cancelled
  }

  public var kind: Kind
  /// CamelCase, for the condition: `ImagePullFailed`, `WorkloadUnhealthy`, `PortInUse`, `EngineUnreachable`, `DiskFull`.
  public var reason: String
  /// What happened, to which service, and what to do; never holds a secret.
  public var message: String

  public init(kind: Kind, reason: String, message: String) {
    self.kind = kind
    self.reason = reason
    self.message = message
  }

  public var description: String { "\(reason): \(message)" }
}

extension RuntimeFailure {
  init(_ fault: BundleFault) { self.init(kind: .permanent, reason: fault.reason, message: fault.message) }

  /// Runs what finds faults in a bundle.
  @discardableResult
  static func mapping<Value>(_ body: () throws(BundleFault) -> Value) throws(RuntimeFailure) -> Value {
    do throws(BundleFault) {
      return try body()
    } catch {
      throw RuntimeFailure(error)
    }
  }
}
