public import DeploymentKinds
public import ResourceModel
import WireFormats

/// Decides the one next step for an environment, from its object and what is observed: values in, values out.
///
/// The planner remembers nothing. What an attempt has done so far stands in the object's status, which is recorded
/// before each step, so that a new Agent decides as the one before it would have. It is read back as an `AttemptPhase` and
/// an `EnvironmentPhase`; together with the facts they decide, each row before those below it:
///
/// ```
/// an account that cannot be written or read       retry, or nothing at all
/// deleted                                         uninstall (spec.deletionPolicy), remove the finalizer, or forget
/// suspended, another target, runtime or owner     nothing
/// no such release                                 maintain the current release
///
/// attempt        fact                             step
/// failed         no retry requested, same root    hold: by spec.failurePolicy nothing, or restore, then maintain
/// notBegun       the desired release is current   maintain
/// concluded      the desired release is current   restore where the environment is unsettled and differs; or maintain
/// deploying                                       deploy, the same try; failed once it was resumed too often
/// betweenTries,  the pause is not over            wait
///   concluded
/// any            licence not checked yet          check the licence
///                licence expired or invalid       maintain
///                licence cannot be checked        retry
///                before or after its window       maintain (only notBegun)
///                trust damaged or stale           maintain
///                                                 deploy
///
/// maintain       not observed, cannot be          observe, retry
///                unsettled and differs            restore (rollback), with pauses where it failed
///                no drift, or spec.drift          settled
///                drift                            restore (drift correction), with pauses where it failed or recurs
///
/// settled        a preflight is asked for         preflight, unless a deployment is about to be due
/// ```
public struct DeploymentPlanner {
  let desired: DesiredDeployment
  let facts: DeploymentFacts
  /// Where the attempt stood before this decision.
  let attempt: AttemptPhase
  /// What attempts had left before this decision.
  let environment: EnvironmentPhase
  /// As it is to be recorded.
  var status: DesiredDeploymentStatus
  var events: [DeploymentEvent] = []

  public static func decide(_ desired: DesiredDeployment, facts: DeploymentFacts) -> Decision {
    var planner = DeploymentPlanner(desired, facts: facts)
    let next = planner.nextStep()
    let step = planner.preflightStep(besides: next)
    switch step {
    case .forget, .observe, .checkLicense:
      return Decision(status: desired.status ?? DesiredDeploymentStatus(), events: [], step: step)
    case .addFinalizer, .removeFinalizer:
      return Decision(status: desired.status ?? DesiredDeploymentStatus(), events: planner.events, step: step)
    case .deploy, .restore, .uninstall, .preflight, .retry, .settled:
      return Decision(status: planner.affirmedStatus(), events: planner.events, step: step)
    }
  }

  init(_ desired: DesiredDeployment, facts: DeploymentFacts) {
    self.desired = desired
    self.facts = facts
    self.attempt = AttemptPhase(desired.status, generation: desired.metadata.generation ?? 1)
    self.environment = EnvironmentPhase(desired.status)
    self.status = desired.status ?? DesiredDeploymentStatus()
  }

  var spec: DesiredDeploymentSpec { desired.spec }
  var generation: Int64 { desired.metadata.generation ?? 1 }

  private mutating func nextStep() -> Decision.Step {
    switch facts.account {
    case .usable: break
    case .unwritable(let failure):
      set(DeploymentCondition.ready, .isFalse, reason: failure.reason, failure.message)
      return .retry(failure)
    case .damaged(let message): return standAside(.accountDamaged, message, recheckAfter: nil)
    }
    guard desired.metadata.deletionTimestamp == nil else { return finalizeDeletion() }
    if let step = finalizerStep() { return step }
    setTrusted()
    if spec.suspend { return suspend() }
    if let target = status.target, target != spec.target { return refuseToMove(from: target) }
    guard spec.runtime == facts.runtime, spec.targetName != nil else {
      return stall(
        .unsupportedRuntime,
        "spec.runtime is \(spec.runtime.rawValue), but this Agent deploys with \(facts.runtime.rawValue): "
          + "change spec.runtime or the Agent's WRKTALK_AGENT_DEPLOYMENT_TYPE")
    }
    if let owner = facts.owner { return yieldTarget(to: owner) }
    switch DesiredRelease(spec: spec, status: status) {
    case .incomplete:
      return stall(.invalidSpec, "spec needs version and artifact, or rollbackTo.revision")
    case .revisionNotFound(let revision):
      return stall(
        .revisionNotFound,
        "revision \(revision) is not in status.history: choose one that \"wrktalkctl history \(desired.metadata.name)\" lists"
      )
    case .release(let plan):
      if case .failed(let failure) = attempt, !isRetryRequested, !isTrustRenewed(since: failure) {
        return hold(failure)
      }
      guard let current = status.current, current.release.satisfies(plan.release) else {
        return deploy(plan, in: scheduleWindow)
      }
      // Settings may have changed under the same name, and tags may mean other images by now.
      return isRetryRequested || attempt.isOpen ? deploy(plan, in: .open) : maintainDesired(current)
    }
  }

  private mutating func suspend() -> Decision.Step {
    unset(DeploymentCondition.reconciling, DeploymentCondition.stalled)
    let text = "Nothing is deployed, corrected or checked until spec.suspend is false"
    set(DeploymentCondition.ready, .unknown, .suspended, text)
    announce(.normal, DeploymentCondition.ready, .suspended, text)
    return .settled(recheckAfter: nil)
  }

  /// What was deployed before would go on running unattended. The Backend lets no such change pass; an API server without
  /// rules of its own does.
  private mutating func refuseToMove(from target: DesiredDeploymentStatus.Target) -> Decision.Step {
    let wanted = spec.target.map { "\($0)" } ?? "none"
    return standAside(
      .targetChanged,
      "\(Self.sentence("\(target)")) was deployed and spec names \(wanted): set it back, or delete the "
        + "DesiredDeployment and create it anew; until then nothing is deployed or corrected",
      recheckAfter: nil)
  }

  /// Two objects that maintain one project would undo each other's work for ever: the younger one touches nothing.
  private mutating func yieldTarget(to owner: ObjectKey) -> Decision.Step {
    let message =
      "\(Self.sentence(targetTitle)) belongs to the DesiredDeployment \(owner), which was there first: delete one of the "
      + "two, and create it anew under another name"
    return standAside(.targetInUse, message, recheckAfter: spec.recheckInterval)
  }

  /// Nothing is touched or checked until somebody acts.
  private mutating func standAside(_ reason: ConditionReason, _ message: String, recheckAfter: Duration?)
    -> Decision.Step
  {
    unset(DeploymentCondition.reconciling)
    set(DeploymentCondition.stalled, .isTrue, reason, message)
    set(DeploymentCondition.ready, .isFalse, reason, message)
    status.progress = nil
    announce(.warning, DeploymentCondition.stalled, reason, message)
    return .settled(recheckAfter: recheckAfter)
  }

  /// Nothing more happens for the desired release until somebody acts; the current one is maintained.
  private mutating func stall(_ reason: ConditionReason, _ message: String) -> Decision.Step {
    unset(DeploymentCondition.reconciling)
    set(DeploymentCondition.stalled, .isTrue, reason, message)
    set(DeploymentCondition.ready, .isFalse, reason, message)
    announce(.warning, DeploymentCondition.stalled, reason, message)
    return maintainCurrent(recheckAfter: nil)
  }

  // MARK: Gates and attempts

  private mutating func deploy(_ plan: ReleasePlan, in window: ScheduleWindow) -> Decision.Step {
    if !isRetryRequested {
      switch attempt {
      case .notBegun: break
      case .deploying: return resume(plan)
      case .betweenTries, .failed, .concluded:
        if let pause = pauseUntilNextAttempt { return .settled(recheckAfter: pause) }
      }
    }
    switch facts.license {
    case .notChecked:
      return .checkLicense
    case .expired(let time):
      let since = time.map { " on \($0)" } ?? ""
      return block(
        reason: .licenseExpired, condition: DeploymentCondition.licensed,
        message: "The licence expired\(since): renew it; \(plan.release.version) is deployed as soon as it is valid")
    case .rejected(let message):
      return block(
        reason: .licenseInvalid, condition: DeploymentCondition.licensed,
        message: "The licence is not valid: \(message). \(plan.release.version) is deployed as soon as it is")
    case .unavailable(let message) where window == .open:
      set(DeploymentCondition.licensed, .unknown, .licenseCheckFailed, message)
      set(DeploymentCondition.ready, .isFalse, .licenseCheckFailed, message)
      return .retry(DeploymentFailure(isTransient: true, reason: "LicenseCheckFailed", message: message))
    case .unavailable:
      break
    case .notOffered:
      set(
        DeploymentCondition.licensed, .unknown, .licenseNotOffered, "The server knows no licences, so none was checked")
    case .notConfigured:
      set(
        DeploymentCondition.licensed, .unknown, .licenseNotConfigured, "No licence is configured, so none was checked")
    case .valid:
      set(DeploymentCondition.licensed, .isTrue, .licenseValid, "The licence is valid")
    }
    switch window {
    case .waiting(let start):
      let message = "\(plan.release.version) is deployed at \(start)"
      unset(DeploymentCondition.stalled)
      set(DeploymentCondition.scheduled, .isTrue, .scheduleWaiting, message)
      return block(reason: .scheduled, message: message, recheckAfter: start - facts.now)
    case .missed(let start, let deadline):
      let message =
        "\(plan.release.version) was to start between \(start) and \(deadline), but did not: "
        + "set a new spec.schedule, or remove it to deploy at once"
      set(DeploymentCondition.scheduled, .isFalse, .missedSchedule, message)
      return stall(.missedSchedule, message)
    case .open:
      return waitForTrust(plan) ?? startAttempt(plan)
    }
  }

  mutating func block(
    reason: ConditionReason, condition: String? = nil, message: String, recheckAfter: Duration? = nil
  ) -> Decision.Step {
    unset(DeploymentCondition.reconciling)
    if let condition {
      unset(DeploymentCondition.stalled)
      set(condition, .isFalse, reason, message)
    }
    set(DeploymentCondition.ready, .isFalse, reason, message)
    announce(condition == nil ? .normal : .warning, DeploymentCondition.ready, reason, message)
    return maintainCurrent(recheckAfter: min(recheckAfter ?? spec.recheckInterval, spec.recheckInterval))
  }

  /// An attempt that was cut short goes on, but not for ever: something about it may be what ends the Agent.
  private mutating func resume(_ plan: ReleasePlan) -> Decision.Step {
    let resumptions = max(status.resumptions ?? 0, 0)
    guard resumptions >= facts.retry.maxResumptions else {
      status.resumptions = resumptions.addingSaturated(1)
      return .deploy(plan)
    }
    let message =
      "The Agent was ended in the midst of it, and again each of the \(resumptions) times it was resumed: the Agent's "
      + "log and the machine's (memory, disk) say why"
    return hold(
      giveUp(DeploymentFailure(isTransient: false, reason: ConditionReason.interrupted.rawValue, message: message)))
  }

  private mutating func startAttempt(_ plan: ReleasePlan) -> Decision.Step {
    let attempts: Int =
      switch attempt {
      case .betweenTries, .deploying, .concluded: isRetryRequested ? 1 : max(status.attempts ?? 0, 0).addingSaturated(1)
      case .notBegun, .failed: 1
      }
    var text = "Deploying \(plan.release.version)"
    if let current = status.current { text += " over \(current.version) (revision \(current.revision))" }
    if attempts > 1 { text += ", attempt \(attempts) of \(facts.retry.maxAttempts)" }
    status.lastAttemptedGeneration = generation
    status.trustRootVersion = if case .root(_, let version) = facts.trust { version } else { nil }
    status.target = spec.target
    status.attemptStartedAt = facts.now.wholeSeconds
    status.attempts = attempts
    status.resumptions = nil
    status.nextAttemptAt = nil
    status.failure = nil
    status.lastHandledRetryRequest = retryRequest ?? status.lastHandledRetryRequest
    status.progress = Self.preparing(plan.release)
    unset(DeploymentCondition.stalled, DeploymentCondition.remediated, DeploymentCondition.artifactVerified)
    if spec.schedule == nil {
      unset(DeploymentCondition.scheduled)
    } else {
      set(DeploymentCondition.scheduled, .isTrue, .scheduleDue, "The scheduled time has come")
    }
    unset(DeploymentCondition.drifted)
    set(DeploymentCondition.healthy, .unknown, .deploying, "Known when the deployment has ended")
    set(
      DeploymentCondition.released, .unknown, environment == .settled ? .deploying : .deployingOverFailure, text)
    set(DeploymentCondition.reconciling, .isTrue, .deploying, text)
    set(DeploymentCondition.ready, .isFalse, .deploying, text)
    events.append(DeploymentEvent(.normal, "Deploying", text))
    return .deploy(plan)
  }

  static func preparing(_ release: DesiredDeploymentStatus.Release) -> DesiredDeploymentStatus.Progress {
    .init(step: .preparing, done: 0, total: 1, message: "preparing \(release.version)")
  }

  // MARK: What the object says of its attempts

  enum ScheduleWindow: Equatable {
    case open
    case waiting(until: Timestamp)
    case missed(start: Timestamp, deadline: Timestamp)
  }

  /// A schedule says when an attempt may begin; one that has begun goes on.
  var scheduleWindow: ScheduleWindow {
    guard let schedule = spec.schedule, attempt == .notBegun else { return .open }
    if facts.now < schedule.notBefore { return .waiting(until: schedule.notBefore) }
    let deadline = schedule.notBefore + min(schedule.startingDeadline.duration, .seconds(168 * 3600))
    return facts.now <= deadline ? .open : .missed(start: schedule.notBefore, deadline: deadline)
  }

  var retryRequest: String? { desired.metadata.annotations?[DesiredDeploymentKind.retryAnnotation] }

  private var isRetryRequested: Bool { retryRequest != nil && retryRequest != status.lastHandledRetryRequest }

  var pauseUntilNextAttempt: Duration? {
    guard let next = status.nextAttemptAt, next > facts.now else { return nil }
    let pause = next - facts.now
    // Nobody who may write a status can put off the next try for ever.
    return pause <= facts.retry.longestDelay ? pause : nil
  }
}
