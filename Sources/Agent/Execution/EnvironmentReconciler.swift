public import DeploymentKinds
public import DeploymentPlanning
public import Logging
public import Reconciliation
import ReleaseManifest
import ResourceClient
public import ResourceModel
public import Timing
public import WireFormats

/// One pass over one environment: observe, decide, record what is about to be done, do it, record what came of it; until
/// nothing is left to do.
///
/// It remembers nothing between passes but what stands in the Agent's own account, from which it plans: the status that the
/// server has only shows that. A pass that ends anywhere, also by the Agent's death, is continued by the next.
public struct EnvironmentReconciler: Sendable {
  let source: any DeploymentSource
  let runtime: any DeploymentRuntime
  let runtimeKind: DeploymentRuntimeKind
  let preparation: any ReleasePreparing
  let backend: any BackendServices
  let events: any EventReporting
  let leadership: Leadership
  let memory: AgentMemory
  let gate: ReleaseGate
  let retry: RetryPolicy
  let clock: any Clock<Duration>
  let now: @Sendable () -> Timestamp
  let random: @Sendable () -> Double
  let logger: Logger

  /// - Parameter random: from 0 to below 1, for the jitter of `retry`.
  public init(
    source: any DeploymentSource, runtime: any DeploymentRuntime, runtimeKind: DeploymentRuntimeKind,
    preparation: any ReleasePreparing, backend: any BackendServices, events: any EventReporting,
    leadership: Leadership, memory: AgentMemory, retry: RetryPolicy = RetryPolicy(),
    clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger
  ) {
    self.source = source
    self.runtime = runtime
    self.runtimeKind = runtimeKind
    self.preparation = preparation
    self.backend = backend
    self.events = events
    self.leadership = leadership
    self.memory = memory
    self.gate = ReleaseGate(memory: memory, now: now)
    self.retry = retry
    self.clock = clock
    self.now = now
    self.random = random
    self.logger = logger
  }

  public func reconcile(_ key: ObjectKey) async throws -> ReconcileOutcome {
    guard let cached = source.cached(key) else { return try await vanished(key) }
    var facts = DeploymentFacts(now: now(), runtime: runtimeKind, retry: retry)
    try await takeInTrust(of: cached)
    var decision = try await decide(cached, &facts)
    if case .settled = decision.step, decision.status == cached.status { return outcome(of: decision.step) }
    guard var object = try await confirmed(cached, decision) else { return try await forgotten(cached) }
    let found = object.status?.agent
    let fence = { object in StepFence(object, found: found, leadership: leadership) }
    while true {
      try Task.checkCancellation()
      // Another object of that name has a pass of its own.
      guard object.metadata.uid == cached.metadata.uid else { return .done }
      if object.target != cached.target { facts.environment = .notObserved }
      decision = try await decide(object, &facts)
      if decision.step.isAct {
        guard await leadership.isHeld() else { throw CancellationError() }
      }
      if let failure = try await kept(decision, for: object, facts) {
        facts.account = .unwritable(failure)
        continue
      }
      if decision.status != object.status || decision.step.isRecorded && object.status?.agent != leadership.mark {
        switch try await record(decision, object) {
        case .written(let written): object = written
        case .overtaken(let fresh):
          guard await fence(object).admits(fresh) else { return .done }
          object = fresh
          continue
        case .gone: return .done
        }
      }
      let recorded: DesiredDeployment?
      switch decision.step {
      case .forget: return try await forgotten(object)
      case .settled, .retry, .observe, .checkLicense: return outcome(of: decision.step)
      case .deploy(let plan): recorded = try await deploy(plan, object, within: fence(object))
      case .restore(let plan, let purpose):
        recorded = try await restore(plan, purpose, object, within: fence(object))
      case .uninstall: recorded = try await uninstall(object, within: fence(object))
      case .preflight(let plan): recorded = try await preflight(plan, object, within: fence(object))
      case .addFinalizer: recorded = try await setFinalizer(true, object, telling: decision.events)
      case .removeFinalizer: recorded = try await setFinalizer(false, object, telling: decision.events)
      }
      guard let recorded else { return .done }
      (facts.account, facts.trust) = (.usable, .notConsidered)
      if decision.step.isRecorded { await forgetConfigurations(of: object, keptBy: recorded) }
      object = recorded
      facts.environment = .notObserved
      facts.license = .notChecked
    }
  }

  private func outcome(of step: Decision.Step) -> ReconcileOutcome {
    switch step {
    case .settled(let delay?): .requeue(after: delay)
    case .retry(let failure): .retry(failure)
    case .settled, .forget, .observe, .checkLicense, .deploy, .restore, .uninstall, .preflight, .addFinalizer,
      .removeFinalizer:
      .done
    }
  }

  // MARK: Deciding

  func decide(_ object: DesiredDeployment, _ facts: inout DeploymentFacts) async throws -> Decision {
    while true {
      facts.now = now()
      facts.owner = source.owner(before: object)
      let trusted = try await trusted(object, &facts)
      var decision = DeploymentPlanner.decide(trusted.object, facts: facts)
      decision.events = trusted.events + decision.events
      switch decision.step {
      case .observe: facts.environment = try await observe(trusted.object)
      case .checkLicense: facts.license = await backend.license()
      default: return decision
      }
    }
  }

  private func observe(_ object: DesiredDeployment) async throws -> DeploymentFacts.Environment {
    do throws(RuntimeFailure) {
      return .observed(try await runtime.observe(target(of: object)))
    } catch {
      guard let failure = DeploymentFailure(error) else { throw CancellationError() }
      return .unavailable(failure)
    }
  }

  /// What is about to be done is decided anew from the object as it is now, since the copy may be older than what this
  /// Agent wrote last. Bringing back what ran before needs no newer word: the server may be one of the services that
  /// are down.
  private func confirmed(_ cached: DesiredDeployment, _ decision: Decision) async throws -> DesiredDeployment? {
    do throws(ResourceClientError) {
      return try await source.fetch(cached.key)
    } catch {
      guard error.isTransient, case .restore = decision.step else { throw error }
      return cached
    }
  }

  private enum Recording {
    case written(DesiredDeployment)
    /// The object has changed: decide again.
    case overtaken(DesiredDeployment)
    case gone
  }

  private func record(_ decision: Decision, _ object: DesiredDeployment) async throws -> Recording {
    var changed = object
    changed.status = decision.status
    changed.status?.agent = leadership.mark
    do throws(ResourceClientError) {
      // Of the answer only the version counts: what is done is what was decided.
      changed.metadata.resourceVersion = try await source.replaceStatus(changed).metadata.resourceVersion
      report(decision.events, about: changed)
      return .written(changed)
    } catch {
      if error.isNotFound { return .gone }
      if error.isConflict {
        guard let fresh = try await source.fetch(object.key) else { return .gone }
        return .overtaken(fresh)
      }
      guard error.isTransient, case .restore = decision.step else { throw error }
      report(decision.events, about: changed)
      return .written(changed)
    }
  }

  // MARK: Doing

  private func deploy(
    _ plan: ReleasePlan, _ object: DesiredDeployment, within fence: StepFence
  ) async throws -> DesiredDeployment? {
    try await executing(object, within: fence) { reporter throws(RuntimeFailure) in
      let admitted = try await gate.admit(plan, for: object)
      if plan.revision != nil { try await gate.accept(admitted, for: object) }
      if let running = try await restored(plan, .rollback, object, reporter) {
        return .deployed(plan.release, running)
      }
      let prepared = try await preparation.prepare(plan, manifest: admitted.verified?.manifest) { progress in
        await reporter.announce(progress)
      }
      return try await discarding(prepared) { () throws(RuntimeFailure) in
        try await gate.accept(admitted, for: object)
        // The download may have taken long, and a root may have come through another record meanwhile.
        if let verified = admitted.verified { try await gate.checkIsNotRevoked(verified, for: object) }
        record(.verified(admitted.assurance), in: reporter)
        // A return brings no settings: nobody has signed those that stand beside it.
        if plan.revision == nil { await addSettings(of: object) }
        let running = try await converge(target(of: object), to: prepared.release, reporter)
        await reporter.announce(
          .init(step: .recording, done: 1, total: 1, message: "recording \(plan.release.version)"))
        var release = plan.release
        release.configPath = await keepConfiguration(of: prepared, for: object)
        return .deployed(release, running)
      }
    } failed: { failure in
      .deploymentFailed(failure)
    }
  }

  private func restore(
    _ plan: ReleasePlan, _ purpose: RestorePurpose, _ object: DesiredDeployment, within fence: StepFence
  ) async throws -> DesiredDeployment? {
    try await executing(object, within: fence) { reporter throws(RuntimeFailure) in
      try await gate.checkIsNotRevoked(plan, for: object)
      if let running = try await restored(plan, purpose, object, reporter) { return .restored(running, purpose) }
      let prepared = try await preparation.prepare(plan, manifest: try await gate.known(plan, for: object)) {
        progress in
        await reporter.announce(progress)
      }
      var target = target(of: object)
      // A rollback deploys its release anew, with its jobs.
      if purpose == .driftCorrection {
        target.finishedJobs = Set(target.recorded.filter(\.runsToCompletion).map(\.name))
      }
      return try await discarding(prepared) { [target] () throws(RuntimeFailure) in
        try await gate.checkIsNotRevoked(plan, for: object)
        return .restored(try await converge(target, to: prepared.release, reporter), purpose)
      }
    } failed: { failure in
      .restoreFailed(failure, purpose)
    }
  }

  private func uninstall(_ object: DesiredDeployment, within fence: StepFence) async throws -> DesiredDeployment? {
    try await executing(object, within: fence) { reporter throws(RuntimeFailure) in
      let staying = try await runtime.uninstall(target(of: object)) { progress in await reporter.announce(progress) }
      return .uninstalled(staying: staying)
    } failed: { failure in
      .uninstallFailed(failure)
    }
  }

  /// A download may have taken long, so the lease is looked at once more.
  private func converge(
    _ target: RuntimeTarget, to release: PreparedRelease, _ reporter: ProgressReporter
  ) async throws(RuntimeFailure) -> RunningRelease {
    guard await leadership.isHeld() else { throw .stopped }
    return try await runtime.converge(target, to: release) { progress in
      await reporter.announce(progress)
    }
  }

  /// Nil where the runtime keeps nothing of the release, so that it must come from the bucket.
  private func restored(
    _ plan: ReleasePlan, _ purpose: RestorePurpose, _ object: DesiredDeployment, _ reporter: ProgressReporter
  ) async throws(RuntimeFailure) -> RunningRelease? {
    guard let revision = plan.revision else { return nil }
    return try await runtime.restore(target(of: object), to: revision, purpose: purpose) { progress in
      await reporter.announce(progress)
    }
  }

  /// Runs a step while its progress is shown, and records what came of it.
  /// - Returns: the object with the outcome in its status; nil where that was not written, since the object is gone or
  ///   another Agent's by now.
  private func executing(
    _ object: DesiredDeployment, within fence: StepFence,
    _ step: (ProgressReporter) async throws(RuntimeFailure) -> DeploymentOutcome,
    failed: (DeploymentFailure) -> DeploymentOutcome
  ) async throws -> DesiredDeployment? {
    let reporter = ProgressReporter(object, source: source, clock: clock, within: fence)
    let outcome = try await withThrowingTaskGroup(of: Void.self) { group -> DeploymentOutcome in
      group.addTask { await reporter.run() }
      defer { group.cancelAll() }
      do throws(RuntimeFailure) {
        return try await step(reporter)
      } catch {
        // What fails while this Agent is made to stop may have failed for that alone: the next pass finds out.
        guard let failure = DeploymentFailure(error), !Task.isCancelled else { throw CancellationError() }
        logger.warning(
          "A step failed", metadata: ["reason": .string(failure.reason), "error": .string(failure.message)])
        return failed(failure)
      }
    }
    let (status, told) = DeploymentPlanner.record(outcome, of: reporter.object, now: now(), retry: jitteredRetry)
    try await keep(status, for: reporter.object)
    let written = try await StatusWriter(source: source, clock: clock)
      .write(status, to: reporter.object, within: fence)
    guard var written else {
      logger.notice("What came of a step is not recorded: its object is gone, or another Agent's by now")
      return nil
    }
    written.status = status
    report(told, about: written)
    return written
  }

  func discarding<Result>(
    _ prepared: PreparedArtifact, _ body: () async throws(RuntimeFailure) -> Result
  ) async throws(RuntimeFailure) -> Result {
    do throws(RuntimeFailure) {
      let result = try await body()
      await preparation.discard(prepared)
      return result
    } catch {
      await preparation.discard(prepared)
      throw error
    }
  }

  /// A setting that cannot be added holds nothing up (spec §8.4, error 4.4).
  private func addSettings(of object: DesiredDeployment) async {
    for setting in object.spec.newNonEssentialEnvs ?? [] {
      do {
        try await backend.add(setting)
      } catch {
        let text = "The new setting \(setting.key) could not be added; add it in the Control Tower: \(error.message)"
        report([DeploymentEvent(.warning, "SettingNotAdded", text)], about: object)
      }
    }
  }

  private func keepConfiguration(of prepared: PreparedArtifact, for object: DesiredDeployment) async -> String? {
    let revision = (object.status ?? DesiredDeploymentStatus()).nextRevision
    do {
      return try await preparation.keepConfiguration(of: prepared, revision: revision)
    } catch {
      let text =
        "The .env of this version was not kept, so a rollback to it uses the one of that time: \(error.message)"
      report([DeploymentEvent(.warning, "ConfigurationNotKept", text)], about: object)
      return prepared.release.release.configPath
    }
  }

  /// Once the history that needed them is gone.
  private func forgetConfigurations(of object: DesiredDeployment, keptBy recorded: DesiredDeployment) async {
    let keys = object.keptConfigurations.subtracting(recorded.keptConfigurations)
    guard !keys.isEmpty else { return }
    let others = source.keptConfigurations(besides: object.key)
    do {
      try await preparation.forgetConfigurations(keys.subtracting(others))
    } catch {
      logger.notice("Old copies of settings were not removed", metadata: ["error": .string(error.message)])
    }
  }

  private func record(_ outcome: DeploymentOutcome, in reporter: ProgressReporter) {
    let (status, told) = DeploymentPlanner.record(outcome, of: reporter.object, now: now(), retry: jitteredRetry)
    reporter.update { $0 = status }
    if !reporter.isOver { report(told, about: reporter.object) }
  }

  /// Spreads the tries of many Agents that failed together.
  private var jitteredRetry: RetryPolicy {
    var jittered = retry
    jittered.random = random()
    return jittered
  }

  func report(_ told: [DeploymentEvent], about object: DesiredDeployment) {
    for event in told { events.report(event, about: object) }
  }

  func target(of object: DesiredDeployment) -> RuntimeTarget {
    RuntimeTarget(object, name: object.target?.name ?? object.metadata.name)
  }
}

extension RuntimeTarget {
  init(_ object: DesiredDeployment, name: String) {
    self.init(
      name: name, namespace: object.key.namespace, timeout: object.spec.timeout,
      driftIgnore: object.spec.driftIgnore ?? [],
      returnsToFormer: object.status?.current == nil && object.spec.failurePolicy == .rollBack,
      owner: object.key.description, isRecorded: object.status?.current != nil,
      recorded: object.status?.current?.services ?? [])
  }
}

extension Decision.Step {
  /// True for what changes the environment.
  fileprivate var isRecorded: Bool {
    switch self {
    case .deploy, .restore, .uninstall: true
    case .forget, .settled, .retry, .observe, .checkLicense, .preflight, .addFinalizer, .removeFinalizer: false
    }
  }

  /// True for what needs the lease.
  fileprivate var isAct: Bool {
    switch self {
    case .addFinalizer, .removeFinalizer, .preflight: true
    default: isRecorded
    }
  }
}

extension DeploymentFailure {
  /// Nil for a step that was cancelled: that is no failure.
  init?(_ failure: RuntimeFailure) {
    switch failure.kind {
    case .transient: self.init(isTransient: true, reason: failure.reason, message: failure.message)
    case .permanent: self.init(isTransient: false, reason: failure.reason, message: failure.message)
    case .cancelled: return nil
    }
  }
}
