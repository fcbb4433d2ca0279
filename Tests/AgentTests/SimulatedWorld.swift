import DeploymentKinds
import DeploymentPlanning
import HTTPTransport
import Logging
import Reconciliation
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

@testable import Agent

/// An API server, a bucket and an engine in memory, which outlive the Agents that work on them.
///
/// Every call from the Agent is counted. At the call whose number is `dieAt` the Agent dies: before the call takes
/// effect, or right after it; then this and every later call of that Agent fail as a cancelled task's do.
final class SimulatedWorld: DeploymentSource, DeploymentRuntime, ReleasePreparing, BackendServices, EventReporting {
  struct State {
    var object: DesiredDeployment
    /// True once the last finalizer of the deleted object is removed.
    var isGone = false
    var environment: [EnvironmentObservation.Container] = []
    var license = DeploymentFacts.License.valid
    var now = Timestamp(seconds: 1_797_300_000)
    var version = 1
    var calls = 0
    var dieAt: Int?
    var diesAfterEffect = false
    var isDead = false
    /// Versions that cannot run in health.
    var broken: Set<String> = []
    /// Versions whose artifact has another digest.
    var forged: Set<String> = []
    var isBucketDown = false
    var isEngineDown = false
    var isServerDown = false
    var isUninstallRefused = false
    var areFinalizersForbidden = false
    /// Happens once, just before the next write of finalizers.
    var interference: (@Sendable (inout State) -> Void)?
    /// What the server saw.
    var statuses: [DesiredDeploymentStatus] = []
    var events: [DeploymentEvent] = []
    /// Each converge call: the version, and the record as it was then.
    var converged: [(version: String, object: DesiredDeployment, license: DeploymentFacts.License)] = []
    /// Each uninstall call: the record as it was then.
    var uninstalled: [DesiredDeployment] = []
    var verified: Set<String> = []
    var openReleases = 0
  }

  let state: Mutex<State>
  static let key = ObjectKey(namespace: "wrktalk", name: "wrktalk")

  init(_ spec: DesiredDeploymentSpec) {
    let metadata = ObjectMeta(name: "wrktalk", namespace: "wrktalk", resourceVersion: "1", generation: 1)
    state = Mutex(State(object: DesiredDeployment(metadata: metadata, spec: spec)))
  }

  func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  var object: DesiredDeployment { state.withLock { $0.object } }
  var calls: Int { state.withLock { $0.calls } }
  var now: Timestamp { state.withLock { $0.now } }

  func apply(_ change: (inout DesiredDeploymentSpec) -> Void) {
    set { state in
      let before = state.object.spec
      change(&state.object.spec)
      if state.object.spec != before { state.object.metadata.generation = (state.object.metadata.generation ?? 0) + 1 }
      state.touch()
    }
  }

  /// As a client's deletion: an object with finalizers is only marked.
  func delete() {
    set { state in
      guard !state.isGone, state.object.metadata.deletionTimestamp == nil else { return }
      state.object.metadata.deletionTimestamp = state.now
      state.object.metadata.generation = (state.object.metadata.generation ?? 0) + 1
      state.touch()
      state.isGone = (state.object.metadata.finalizers ?? []).isEmpty
    }
  }

  /// Creates the object that is gone anew; what runs is what the old one left.
  func recreate(_ spec: DesiredDeploymentSpec) {
    set { state in
      state.isGone = false
      state.object = DesiredDeployment(
        metadata: ObjectMeta(name: Self.key.name, namespace: Self.key.namespace, generation: 1), spec: spec)
      state.touch()
    }
  }

  func annotateRetry(_ value: String) {
    set { state in
      state.object.metadata.annotations = [DesiredDeploymentKind.retryAnnotation: value]
      state.touch()
    }
  }

  /// Runs passes, with a new Agent after each death, until nothing is left to do before `horizon` has passed.
  func settle(for horizon: Duration = .seconds(600)) async throws {
    let end = now + horizon
    while now < end {
      let outcome: ReconcileOutcomeName
      do {
        outcome = ReconcileOutcomeName(try await reconciler().reconcile(Self.key))
      } catch is CancellationError {
        set { $0.isDead = false }
        continue
      } catch is ResourceClientError {
        set { state in
          if state.isDead { state.isDead = false } else { state.now = state.now + .seconds(5) }
        }
        continue
      }
      switch outcome {
      case .done: return
      case .again(let pause): set { $0.now = $0.now + pause }
      }
    }
  }

  /// - Parameter runtime: nil for this world's own.
  func reconciler(
    runtime: (any DeploymentRuntime)? = nil, random: @escaping @Sendable () -> Double = { 0 }
  ) -> EnvironmentReconciler {
    EnvironmentReconciler(
      source: self, runtime: runtime ?? self, runtimeKind: .compose, preparation: self, backend: self, events: self,
      clock: ImmediateClock(), now: { self.now }, random: random,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func called<Result>(
    _ effect: (inout State) throws(RuntimeFailure) -> Result
  ) throws(RuntimeFailure) -> Result {
    let cancelled = RuntimeFailure(kind: .cancelled, reason: "Cancelled", message: "the Agent is dead")
    return try state.withLock { state throws(RuntimeFailure) in
      if state.isDead { throw cancelled }
      state.calls += 1
      let dies = state.calls == state.dieAt
      if dies {
        state.isDead = true
        state.dieAt = nil
        if !state.diesAfterEffect { throw cancelled }
      }
      let result = try effect(&state)
      if dies { throw cancelled }
      return result
    }
  }

  private func served<Result>(
    _ effect: (inout State) throws(ResourceClientError) -> Result
  ) throws(ResourceClientError) -> Result {
    let gone = ResourceClientError.unreachable(HTTPTransportError(code: .cancelled, message: "the Agent is dead"))
    let answer: Swift.Result<Result, ResourceClientError>
    do throws(RuntimeFailure) {
      answer = try called { state throws(RuntimeFailure) in
        if state.isServerDown {
          return .failure(.unreachable(HTTPTransportError(code: .couldNotConnect, message: "the server is down")))
        }
        do throws(ResourceClientError) { return .success(try effect(&state)) } catch { return .failure(error) }
      }
    } catch {
      throw gone
    }
    return try answer.get()
  }

  // MARK: DeploymentSource

  func cached(_ key: ObjectKey) -> DesiredDeployment? { state.withLock { $0.isGone ? nil : $0.object } }

  func owner(before deployment: DesiredDeployment) -> ObjectKey? { nil }

  func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment? {
    try served { state throws(ResourceClientError) in state.isGone ? nil : state.object }
  }

  func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment {
    try served { state throws(ResourceClientError) in
      try state.requireVersion(of: object)
      state.object.status = object.status
      if let status = object.status { state.statuses.append(status) }
      state.touch()
      return state.object
    }
  }

  func setFinalizers(
    _ finalizers: [String], of object: DesiredDeployment
  ) async throws(ResourceClientError) -> DesiredDeployment {
    try served { state throws(ResourceClientError) in
      state.interference.take()?(&state)
      try state.requireVersion(of: object)
      if state.areFinalizersForbidden { throw .status(StatusError(.forbidden, "this token may not")) }
      state.object.metadata.finalizers = finalizers.isEmpty ? nil : finalizers
      state.touch()
      state.isGone = state.object.metadata.deletionTimestamp != nil && finalizers.isEmpty
      return state.object
    }
  }

  // MARK: ReleasePreparing

  func prepare(
    _ plan: ReleasePlan, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> PreparedArtifact {
    await progress(.init(step: .downloading, done: 0, total: 1, message: "downloading"))
    try called { state throws(RuntimeFailure) in
      if state.isBucketDown {
        throw RuntimeFailure(kind: .transient, reason: "BucketUnreachable", message: "the bucket does not answer")
      }
    }
    try called { state throws(RuntimeFailure) in
      if state.forged.contains(plan.release.version) {
        throw RuntimeFailure(kind: .permanent, reason: "ArtifactDigestMismatch", message: "another digest")
      }
      state.verified.insert(plan.release.artifact.sha256)
      state.openReleases += 1
    }
    return PreparedArtifact(
      release: PreparedRelease(
        release: plan.release, folder: "/bundle", configFile: "/config", pinnedImages: plan.pinnedImages),
      isSigned: false)
  }

  func keepConfiguration(
    of prepared: PreparedArtifact, revision: Int64
  ) async throws(RuntimeFailure) -> String? {
    try called { state throws(RuntimeFailure) in }
    let release = prepared.release.release
    guard let path = release.configPath else { return nil }
    return VersionedConfigPath.path(for: path, version: release.version) ?? path
  }

  func discard(_ prepared: PreparedArtifact) async { set { $0.openReleases -= 1 } }

  func removeLeftovers() async { set { $0.openReleases = 0 } }

  // MARK: DeploymentRuntime

  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    try called { state throws(RuntimeFailure) in
      try state.requireEngine()
      return .compose(state.environment)
    }
  }

  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    let version = release.release.version
    try called { state throws(RuntimeFailure) in
      state.converged.append((version, state.object, state.license))
      try state.requireEngine()
    }
    await progress(.init(step: .starting, done: 0, total: 2, message: "starting"))
    for service in SimulatedService.allCases {
      try called { state throws(RuntimeFailure) in
        let container = service.container(version, isHealthy: !state.broken.contains(version))
        state.environment.removeAll { $0.service == service.rawValue }
        state.environment.append(container)
      }
      await progress(.init(step: .waitingForWorkloads, done: 0, total: 2, message: service.rawValue))
    }
    return try called { state throws(RuntimeFailure) in
      state.environment.removeAll { SimulatedService(rawValue: $0.service) == nil }
      if state.broken.contains(version) {
        throw RuntimeFailure(kind: .permanent, reason: "WorkloadUnhealthy", message: "media fails its health check")
      }
      return RunningRelease(imageDigests: [:], services: SimulatedService.allCases.map { $0.service(version) })
    }
  }

  func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? { nil }

  func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) {
    try called { state throws(RuntimeFailure) in
      state.uninstalled.append(state.object)
      try state.requireEngine()
      if state.isUninstallRefused {
        throw RuntimeFailure(kind: .permanent, reason: "NetworkInUse", message: "a network is in use")
      }
    }
    await progress(.init(step: .uninstalling, done: 0, total: 1, message: "removing"))
    while try called({ state throws(RuntimeFailure) in state.environment.popLast() }) != nil {}
  }

  func changes(_ target: RuntimeTarget) -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  // MARK: BackendServices and EventReporting

  func license() async -> DeploymentFacts.License { state.withLock { $0.license } }

  func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError) {}

  func report(_ event: DeploymentEvent, about object: DesiredDeployment) { set { $0.events.append(event) } }
}

extension SimulatedWorld.State {
  mutating func touch() {
    version += 1
    object.metadata.resourceVersion = String(version)
  }

  func requireVersion(of object: DesiredDeployment) throws(ResourceClientError) {
    if isGone { throw .status(StatusError(.notFound, "there is no such object")) }
    guard object.metadata.resourceVersion == self.object.metadata.resourceVersion else {
      throw .status(StatusError(.conflict, "the object has changed"))
    }
  }

  func requireEngine() throws(RuntimeFailure) {
    if isEngineDown {
      throw RuntimeFailure(kind: .transient, reason: "EngineUnreachable", message: "the engine does not answer")
    }
  }
}

enum SimulatedService: String, CaseIterable {
  case backend
  case media

  func service(_ version: String) -> DesiredDeploymentStatus.Service {
    .init(
      name: rawValue, image: "\(rawValue)@\(version)", imageID: "\(rawValue)-\(version)", configHash: version,
      replicas: 1)
  }

  func container(_ version: String, isHealthy: Bool = true) -> EnvironmentObservation.Container {
    .init(
      service: rawValue, name: "wrktalk-\(rawValue)-1", id: "\(rawValue)-\(version)", state: .running,
      health: isHealthy ? .healthy : .unhealthy, image: "\(rawValue)@\(version)", imageID: "\(rawValue)-\(version)",
      configHash: version)
  }
}

/// What the controller would do with an outcome, without waiting.
enum ReconcileOutcomeName {
  case done
  case again(Duration)
}

/// Never waits, so that pauses cost nothing: the world's own time stands still meanwhile.
struct ImmediateClock: Clock {
  typealias Instant = ContinuousClock.Instant

  var now: Instant { ContinuousClock.now }
  var minimumResolution: Duration { .nanoseconds(1) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try Task.checkCancellation()
    await Task.yield()
  }
}

func simulatedSpec(_ version: String, failurePolicy: FailurePolicy = .rollBack) -> DesiredDeploymentSpec {
  let digits = version.filter { $0 != "." }
  return DesiredDeploymentSpec(
    version: version, runtime: .compose,
    artifact: .init(
      path: "artifacts/compose/wrktalk-\(version).tar.gz",
      sha256: digits + String(repeating: "0", count: 64 - digits.count)),
    imageTags: ["backend": version], compose: .init(projectName: "wrktalk", envPath: "config/.env"),
    failurePolicy: failurePolicy)
}

extension ReconcileOutcomeName {
  init(_ outcome: ReconcileOutcome) {
    switch outcome {
    case .done, .terminal: self = .done
    case .requeue(let pause): self = .again(pause)
    case .retry: self = .again(.seconds(5))
    }
  }
}
