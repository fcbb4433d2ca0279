import DeploymentKinds
import DeploymentPlanning
import HTTPTransport
import Logging
import Reconciliation
import ReleaseManifest
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

@testable import Agent

/// An API server, a bucket and an engine in memory, which outlive the Agents that work on them.
///
/// Every call from the Agent is counted. At the call whose number is `dieAt` the Agent dies: before the call takes
/// effect, or right after it; then this and every later call of that Agent fail as a cancelled task's do. At the call
/// whose number is `suspendAt` it is suspended, as with its virtual machine, while others do what they like.
final class SimulatedWorld: DeploymentSource, DeploymentRuntime, ReleasePreparing, BackendServices, EventReporting {
  struct State {
    var object: DesiredDeployment
    /// True once the last finalizer of the deleted object is removed.
    var isGone = false
    var environment: [EnvironmentObservation.Container] = []
    var license = DeploymentFacts.License.valid
    var now = Timestamp(seconds: 1_797_300_000)
    var version = 1
    /// Counts the objects that had the name.
    var objects = 1
    /// The term of the Agent that holds the lease.
    var leader: Int64 = 1
    /// True where somebody else than an Agent has written since the last pass began.
    var isChanged = false
    var suspendAt: Int?
    var meanwhile: (@Sendable (SimulatedWorld) async throws -> Void)?
    /// What an Agent did whose lease another one had.
    var trespasses: [String] = []
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
    /// Whether the Backend takes new settings.
    var refusesSettings = false
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
    /// Copies of settings that were removed, and those that other records need.
    var forgotten: Set<String> = []
    var keptElsewhere: Set<String> = []
    /// What Agents keep, which outlives them.
    var documents: [String: [UInt8]] = [:]
    var writtenDocuments = 0
    var isDiskFull = false
    /// Signs the releases; nil where nobody does.
    var vendor: ReleaseSigner?
    /// Of the last release that was signed.
    var sequence: Int64 = 0
    /// Happens while a release is looked at.
    var duringPreflight: (@Sendable (SimulatedWorld) async -> Void)?
    /// Of changes of the environment.
    var listeners: [AsyncStream<Void>.Continuation] = []
    /// Every image that was started.
    var started: Set<String> = []
  }

  let state: Mutex<State>
  static let key = ObjectKey(namespace: "wrktalk", name: "wrktalk")

  init(_ spec: DesiredDeploymentSpec) {
    let metadata = ObjectMeta(
      name: "wrktalk", namespace: "wrktalk", uid: "object-1", resourceVersion: "1", generation: 1)
    state = Mutex(State(object: DesiredDeployment(metadata: metadata, spec: spec)))
  }

  /// On whose behalf a call is made.
  struct Pass: Sendable {
    var term: Int64 = 1
    var uid: String?
  }

  @TaskLocal static var pass = Pass()

  func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  var object: DesiredDeployment { state.withLock { $0.object } }
  var calls: Int { state.withLock { $0.calls } }
  var now: Timestamp { state.withLock { $0.now } }

  func apply(_ change: (inout DesiredDeploymentSpec) -> Void) {
    set { state in
      state.isChanged = true
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
      state.isChanged = true
      state.object.metadata.deletionTimestamp = state.now
      state.object.metadata.generation = (state.object.metadata.generation ?? 0) + 1
      state.touch()
      state.isGone = (state.object.metadata.finalizers ?? []).isEmpty
    }
  }

  /// Creates another object in the place of the one that was there; what runs is what that one left.
  func recreate(_ spec: DesiredDeploymentSpec) {
    set { state in
      state.isGone = false
      state.isChanged = true
      state.objects += 1
      let metadata = ObjectMeta(
        name: Self.key.name, namespace: Self.key.namespace, uid: "object-\(state.objects)", generation: 1)
      state.object = DesiredDeployment(metadata: metadata, spec: spec)
      state.touch()
    }
  }

  /// Suspends the Agent that makes the call after that many more, before it takes effect.
  func suspend(afterCalls calls: Int, meanwhile: @escaping @Sendable (SimulatedWorld) async throws -> Void) {
    set { state in
      state.suspendAt = state.calls + calls
      state.meanwhile = meanwhile
    }
  }

  /// Another Agent gets the lease, and works until nothing is left to do.
  func takeOver(for horizon: Duration = .seconds(600)) async throws {
    set { $0.leader += 1 }
    try await settle(for: horizon)
  }

  /// The spec with a manifest that the vendor has signed for it just now, the newest of all.
  func signed(_ spec: DesiredDeploymentSpec, _ change: (inout Manifest) -> Void = { _ in }) -> DesiredDeploymentSpec {
    state.withLock { state in
      guard let vendor = state.vendor, let artifact = spec.artifact, let version = spec.version else { return spec }
      state.sequence += 1
      var manifest = Manifest(
        product: "wrktalk", version: version, sequence: state.sequence, issuedAt: state.now,
        expires: state.now + .seconds(90 * 86_400),
        artifacts: [.init(runtime: .compose, sha256: artifact.sha256, size: 100)], imageTags: spec.imageTags ?? [:],
        settings: (spec.newNonEssentialEnvs ?? []).map { .init(key: $0.key, value: $0.value) })
      change(&manifest)
      var signed = spec
      signed.manifest = vendor.sign(manifest)
      return signed
    }
  }

  /// Somebody who has the Agent's token writes the status.
  func forge(_ change: (inout DesiredDeploymentStatus) -> Void) {
    set { state in
      state.isChanged = true
      var status = state.object.status ?? DesiredDeploymentStatus()
      change(&status)
      state.object.status = status
      state.touch()
    }
  }

  func annotate(_ annotations: [String: String]) {
    set { state in
      state.isChanged = true
      state.object.metadata.annotations = annotations
      state.touch()
    }
  }

  /// A world whose Agent believes one vendor only, settled on a release of it.
  static func signed(_ version: String = "1.0.0", demandsTimestamp: Bool = false) async throws -> SimulatedWorld {
    let world = SimulatedWorld(simulatedSpec(version))
    try await world.sign(demandsTimestamp: demandsTimestamp)
    if !demandsTimestamp { try await world.settle(for: .seconds(90)) }
    return world
  }

  /// Gives the Agent a vendor to believe, who signs the release that is wanted.
  func sign(demandsTimestamp: Bool = false) async throws {
    let vendor = ReleaseSigner(now: now, demandsTimestamp: demandsTimestamp)
    set { $0.vendor = vendor }
    try await TrustSetting.root(text: vendor.rootText, variable: "WRKTALK_AGENT_TRUST_ROOT").establish(
      in: SimulatedStore(world: self))
    let spec = signed(object.spec)
    apply { $0 = spec }
  }

  func annotateRetry(_ value: String) {
    set { state in
      state.isChanged = true
      state.object.metadata.annotations = [DesiredDeploymentKind.retryAnnotation: value]
      state.touch()
    }
  }

  /// Runs passes, with a new Agent after each death, until nothing is left to do before `horizon` has passed.
  func settle(for horizon: Duration = .seconds(600)) async throws {
    let end = now + horizon
    var memory = newMemory()
    while now < end {
      let outcome: ReconcileOutcomeName
      let pass = state.withLock { state in
        state.isChanged = false
        return Pass(term: state.leader, uid: state.object.metadata.uid)
      }
      do {
        outcome = ReconcileOutcomeName(
          try await Self.$pass.withValue(pass) {
            try await reconciler(term: pass.term, memory: memory).reconcile(Self.key)
          })
      } catch is CancellationError {
        set { $0.isDead = false }
        memory = newMemory()
        continue
      } catch  where error is ResourceClientError || error is RuntimeFailure {
        let hasDied = state.withLock { state in
          if !state.isDead { state.now = state.now + .seconds(5) }
          defer { state.isDead = false }
          return state.isDead
        }
        if hasDied { memory = newMemory() }
        continue
      }
      switch outcome {
      case .done where state.withLock { $0.isChanged }: continue
      case .done: return
      case .again(let pause): set { $0.now = $0.now + pause }
      }
    }
  }

  /// - Parameter runtime: nil for this world's own.
  func reconciler(
    term: Int64 = 1, runtime: (any DeploymentRuntime)? = nil, memory: AgentMemory? = nil,
    clock: any Clock<Duration> = ImmediateClock(), random: @escaping @Sendable () -> Double = { 0 }
  ) -> EnvironmentReconciler {
    EnvironmentReconciler(
      source: self, runtime: runtime ?? self, runtimeKind: .compose, preparation: self, backend: self, events: self,
      leadership: Leadership(
        mark: .init(identity: "agent-\(term)", term: term),
        isHeld: { self.state.withLock { $0.leader == term } }),
      memory: memory ?? newMemory(),
      clock: clock, now: { self.now }, random: random,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Of a process that has just begun.
  private func newMemory() -> AgentMemory {
    AgentMemory(store: SimulatedStore(world: self), allowsUnsigned: state.withLock { $0.vendor == nil })
  }

  private func suspendIfDue() async {
    let meanwhile = state.withLock { state -> (@Sendable (SimulatedWorld) async throws -> Void)? in
      guard let due = state.suspendAt, state.calls + 1 >= due, !state.isDead else { return nil }
      state.suspendAt = nil
      return state.meanwhile.take()
    }
    // Not in the task of the Agent that is suspended, which may be cancelled.
    await Task { try? await meanwhile?(self) }.value
  }

  /// - Parameter effect: of an Agent that has lost the lease it has none, since its processes are ended.
  private func worked(_ effect: (inout State) -> Void) async throws(RuntimeFailure) {
    try await called { state throws(RuntimeFailure) in
      if state.leader == Self.pass.term { effect(&state) }
    }
  }

  func called<Result>(
    _ effect: (inout State) throws(RuntimeFailure) -> Result
  ) async throws(RuntimeFailure) -> Result {
    await suspendIfDue()
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
  ) async throws(ResourceClientError) -> Result {
    let gone = ResourceClientError.unreachable(HTTPTransportError(code: .cancelled, message: "the Agent is dead"))
    let answer: Swift.Result<Result, ResourceClientError>
    do throws(RuntimeFailure) {
      answer = try await called { state throws(RuntimeFailure) in
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

  func keptConfigurations(besides key: ObjectKey) -> Set<String> { state.withLock { $0.keptElsewhere } }

  func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment? {
    try await served { state throws(ResourceClientError) in state.isGone ? nil : state.object }
  }

  func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment {
    try await served { state throws(ResourceClientError) in
      try state.requireVersion(of: object)
      if let term = state.object.status?.agent?.term, term > Self.pass.term {
        state.trespasses.append("term \(Self.pass.term) wrote over the status of term \(term)")
      }
      state.object.status = object.status
      if let status = object.status { state.statuses.append(status) }
      state.touch()
      return state.object
    }
  }

  func setFinalizers(
    _ finalizers: [String], of object: DesiredDeployment
  ) async throws(ResourceClientError) -> DesiredDeployment {
    try await served { state throws(ResourceClientError) in
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
    _ plan: ReleasePlan, manifest: Manifest?,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> PreparedArtifact {
    await progress(.init(step: .downloading, done: 0, total: 1, message: "downloading"))
    try await called { state throws(RuntimeFailure) in
      if state.isBucketDown {
        throw RuntimeFailure(kind: .transient, reason: "BucketUnreachable", message: "the bucket does not answer")
      }
    }
    try await called { state throws(RuntimeFailure) in
      if state.forged.contains(plan.release.version) {
        throw RuntimeFailure(kind: .permanent, reason: "ArtifactDigestMismatch", message: "another digest")
      }
      state.verified.insert(plan.release.artifact.sha256)
      state.openReleases += 1
    }
    return PreparedArtifact(
      release: PreparedRelease(
        release: plan.release, folder: "/bundle", configFile: "/config", pinnedImages: plan.pinnedImages,
        manifest: manifest))
  }

  func keepConfiguration(
    of prepared: PreparedArtifact, revision: Int64
  ) async throws(RuntimeFailure) -> String? {
    try await called { state throws(RuntimeFailure) in }
    let release = prepared.release.release
    guard let path = release.configPath else { return nil }
    return VersionedConfigPath.path(for: path, version: release.version) ?? path
  }

  func forgetConfigurations(_ keys: Set<String>) async throws(RuntimeFailure) {
    set { $0.forgotten.formUnion(keys) }
  }

  func discard(_ prepared: PreparedArtifact) async { set { $0.openReleases -= 1 } }

  func removeLeftovers() async { set { $0.openReleases = 0 } }

  // MARK: DeploymentRuntime

  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    try await called { state throws(RuntimeFailure) in
      try state.requireEngine()
      return .compose(state.environment)
    }
  }

  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    let version = release.release.version
    begin("deployed \(version)")
    if state.withLock({ $0.vendor != nil }), release.manifest?.version != version {
      set { $0.trespasses.append("started \(version) without what the vendor signed of it") }
    }
    try await called { state throws(RuntimeFailure) in
      // What another object wants by now is not known to the step of the one before it.
      if state.object.metadata.uid == Self.pass.uid {
        state.converged.append((version, state.object, state.license))
      }
      try state.requireEngine()
    }
    await progress(.init(step: .starting, done: 0, total: 2, message: "starting"))
    for service in SimulatedService.allCases {
      try await worked { state in
        var container = service.container(version, isHealthy: !state.broken.contains(version))
        container.image = release.pinnedImages[service.rawValue] ?? container.image
        state.started.insert(container.image)
        state.environment.removeAll { $0.service == service.rawValue }
        state.environment.append(container)
      }
      await progress(.init(step: .waitingForWorkloads, done: 0, total: 2, message: service.rawValue))
    }
    try await worked { $0.environment.removeAll { SimulatedService(rawValue: $0.service) == nil } }
    return try await called { state throws(RuntimeFailure) in
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
  ) async throws(RuntimeFailure) -> [String] {
    begin("uninstalled")
    try await called { state throws(RuntimeFailure) in
      if state.object.metadata.uid == Self.pass.uid { state.uninstalled.append(state.object) }
      try state.requireEngine()
      if state.isUninstallRefused {
        throw RuntimeFailure(kind: .permanent, reason: "NetworkInUse", message: "a network is in use")
      }
    }
    await progress(.init(step: .uninstalling, done: 0, total: 1, message: "removing"))
    while !state.withLock({ $0.environment.isEmpty || $0.leader != Self.pass.term }) {
      try await worked { _ = $0.environment.popLast() }
    }
    return []
  }

  /// What an Agent begins to do, it may do.
  private func begin(_ what: String) {
    set { state in
      if state.leader != Self.pass.term { state.trespasses.append("term \(Self.pass.term) \(what)") }
    }
  }

  func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] {
    begin("looked at \(release.release.version)")
    let asked = state.withLock { $0.duringPreflight }
    await asked?(self)
    return try await called { state throws(RuntimeFailure) in
      [.init("Images", state.broken.contains(release.release.version) ? .failed : .passed, "as told")]
    }
  }

  func changes(_ target: RuntimeTarget) -> AsyncStream<Void> {
    AsyncStream { listener in set { $0.listeners.append(listener) } }
  }

  /// Says that the environment may have changed.
  func ring() { for listener in state.withLock({ $0.listeners }) { listener.yield() } }

  // MARK: BackendServices and EventReporting

  func license() async -> DeploymentFacts.License { state.withLock { $0.license } }

  func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError) {
    if state.withLock({ $0.refusesSettings }) { throw BackendServiceError(message: "500 Internal Server Error") }
  }

  func report(_ event: DeploymentEvent, about object: DesiredDeployment) { set { $0.events.append(event) } }
}

extension SimulatedWorld.State {
  mutating func touch() {
    version += 1
    object.metadata.resourceVersion = String(version)
  }

  func requireVersion(of object: DesiredDeployment) throws(ResourceClientError) {
    if isGone { throw .status(StatusError(.notFound, "there is no such object")) }
    guard object.metadata.resourceVersion == self.object.metadata.resourceVersion,
      object.metadata.uid == self.object.metadata.uid
    else {
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
