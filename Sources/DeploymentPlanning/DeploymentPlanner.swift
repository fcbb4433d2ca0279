public import DeploymentKinds
public import ResourceModel
import WireFormats

/// Decides the one next step for an environment, from its object and what is observed: values in, values out.
///
/// The planner remembers nothing. What an attempt has done so far stands in the object's status, which is recorded
/// before each step, so that a new Agent decides as the one before it would have.
public struct DeploymentPlanner {
  let desired: DesiredDeployment
  let facts: DeploymentFacts
  var status: DesiredDeploymentStatus
  var events: [DeploymentEvent] = []

  public static func decide(_ desired: DesiredDeployment, facts: DeploymentFacts) -> Decision {
    var planner = DeploymentPlanner(desired, facts: facts)
    let step = planner.nextStep()
    switch step {
    case .forget, .observe, .checkLicense:
      return Decision(status: desired.status ?? DesiredDeploymentStatus(), events: [], step: step)
    case .addFinalizer, .removeFinalizer:
      return Decision(status: desired.status ?? DesiredDeploymentStatus(), events: planner.events, step: step)
    case .deploy, .restore, .uninstall, .retry, .settled:
      return Decision(status: planner.affirmedStatus(), events: planner.events, step: step)
    }
  }

  init(_ desired: DesiredDeployment, facts: DeploymentFacts) {
    self.desired = desired
    self.facts = facts
    self.status = desired.status ?? DesiredDeploymentStatus()
  }

  var spec: DesiredDeploymentSpec { desired.spec }
  var generation: Int64 { desired.metadata.generation ?? 1 }

  private mutating func nextStep() -> Decision.Step {
    switch facts.account {
    case .usable: break
    case .unwritable(let failure):
      set(DeploymentCondition.ready, .isFalse, failure.reason, failure.message)
      return .retry(failure)
    case .damaged(let message): return standAside("AccountDamaged", message, recheckAfter: nil)
    }
    guard desired.metadata.deletionTimestamp == nil else { return letGo() }
    if let step = finalizerStep() { return step }
    setTrusted()
    if spec.suspend { return suspend() }
    if let target = status.target, target != spec.target { return refuseToMove(from: target) }
    guard spec.runtime == facts.runtime, spec.targetName != nil else {
      return stall(
        "UnsupportedRuntime",
        "spec.runtime is \(spec.runtime.rawValue), but this Agent deploys with \(facts.runtime.rawValue): "
          + "change spec.runtime or the Agent's WRKTALK_AGENT_DEPLOYMENT_TYPE")
    }
    if let owner = facts.owner { return leave(to: owner) }
    switch DesiredRelease(spec: spec, status: status) {
    case .incomplete:
      return stall("InvalidSpec", "spec needs version and artifact, or rollbackTo.revision")
    case .revisionNotFound(let revision):
      return stall(
        "RevisionNotFound",
        "revision \(revision) is not in status.history: choose one that \"wrktalkctl history \(desired.metadata.name)\" lists"
      )
    case .release(let plan):
      if let failure = status.failure, failure.generation == generation, !isRetryRequested,
        !isTrustRenewed(since: failure)
      {
        return hold(failure)
      }
      guard let current = status.current, current.release.satisfies(plan.release) else {
        return deploy(plan, in: scheduleWindow)
      }
      // Settings may have changed under the same name, and tags may mean other images by now.
      return isRetryRequested || isAttemptOpen ? deploy(plan, in: .open) : keepInSync(current)
    }
  }

  private mutating func suspend() -> Decision.Step {
    unset(DeploymentCondition.reconciling, DeploymentCondition.stalled)
    let text = "Nothing is deployed, corrected or checked until spec.suspend is false"
    set(DeploymentCondition.ready, .unknown, "Suspended", text)
    if original?.conditions?[DeploymentCondition.ready]?.reason != "Suspended" {
      events.append(DeploymentEvent(.normal, "Suspended", text))
    }
    return .settled(recheckAfter: nil)
  }

  /// The one before would run on with nobody looking after it. The Backend lets no such change pass; an API server without
  /// rules of its own does.
  private mutating func refuseToMove(from target: DesiredDeploymentStatus.Target) -> Decision.Step {
    let wanted = spec.target.map { "\($0)" } ?? "none"
    return standAside(
      "TargetChanged",
      "\(Self.sentence("\(target)")) was deployed and spec names \(wanted): set it back, or delete the "
        + "DesiredDeployment and create it anew; until then nothing is deployed or corrected",
      recheckAfter: nil)
  }

  /// Two objects that look after one project would undo each other's work for ever: the younger one touches nothing.
  private mutating func leave(to owner: ObjectKey) -> Decision.Step {
    let message =
      "\(Self.sentence(targetTitle)) belongs to the DesiredDeployment \(owner), which was there first: delete one of the "
      + "two, and create it anew under another name"
    return standAside("TargetInUse", message, recheckAfter: spec.recheckInterval)
  }

  /// Nothing is touched or looked at until somebody acts.
  private mutating func standAside(_ reason: String, _ message: String, recheckAfter: Duration?) -> Decision.Step {
    unset(DeploymentCondition.reconciling)
    set(DeploymentCondition.stalled, .isTrue, reason, message)
    set(DeploymentCondition.ready, .isFalse, reason, message)
    status.progress = nil
    if original?.conditions?[DeploymentCondition.stalled]?.reason != reason {
      events.append(DeploymentEvent(.warning, reason, message))
    }
    return .settled(recheckAfter: recheckAfter)
  }

  /// Nothing more happens for the desired release until somebody acts; the current one is looked after.
  private mutating func stall(_ reason: String, _ message: String) -> Decision.Step {
    unset(DeploymentCondition.reconciling)
    set(DeploymentCondition.stalled, .isTrue, reason, message)
    set(DeploymentCondition.ready, .isFalse, reason, message)
    if original?.conditions?[DeploymentCondition.stalled]?.reason != reason {
      events.append(DeploymentEvent(.warning, reason, message))
    }
    return keepCurrent(recheckAfter: nil)
  }

  // MARK: Gates and attempts

  private mutating func deploy(_ plan: ReleasePlan, in window: ScheduleWindow) -> Decision.Step {
    if isAttempted, !isRetryRequested {
      if isDeploying { return resume(plan) }
      if let pause = pauseUntilNextAttempt { return .settled(recheckAfter: pause) }
    }
    switch facts.license {
    case .notChecked:
      return .checkLicense
    case .expired(let moment):
      let since = moment.map { " on \($0)" } ?? ""
      return block(
        reason: "LicenseExpired", condition: DeploymentCondition.licensed,
        message: "The licence expired\(since): renew it; \(plan.release.version) is deployed as soon as it is valid")
    case .rejected(let message):
      return block(
        reason: "LicenseInvalid", condition: DeploymentCondition.licensed,
        message: "The licence is not valid: \(message). \(plan.release.version) is deployed as soon as it is")
    case .unavailable(let message) where window == .open:
      set(DeploymentCondition.licensed, .unknown, "LicenseCheckFailed", message)
      set(DeploymentCondition.ready, .isFalse, "LicenseCheckFailed", message)
      return .retry(DeploymentFailure(isTransient: true, reason: "LicenseCheckFailed", message: message))
    case .unavailable:
      break
    case .notOffered:
      set(DeploymentCondition.licensed, .unknown, "NotOffered", "The server knows no licences, so none was checked")
    case .notConfigured:
      set(DeploymentCondition.licensed, .unknown, "NotConfigured", "No licence is configured, so none was checked")
    case .valid:
      set(DeploymentCondition.licensed, .isTrue, "Valid", "The licence is valid")
    }
    switch window {
    case .waiting(let start):
      let message = "\(plan.release.version) is deployed at \(start)"
      unset(DeploymentCondition.stalled)
      set(DeploymentCondition.scheduled, .isTrue, "Waiting", message)
      return block(reason: "Scheduled", message: message, recheckAfter: start - facts.now)
    case .missed(let start, let deadline):
      let message =
        "\(plan.release.version) was to start between \(start) and \(deadline), but did not: "
        + "set a new spec.schedule, or remove it to deploy at once"
      set(DeploymentCondition.scheduled, .isFalse, "MissedSchedule", message)
      return stall("MissedSchedule", message)
    case .open:
      return waitForTrust(plan) ?? startAttempt(plan)
    }
  }

  mutating func block(
    reason: String, condition: String? = nil, message: String, recheckAfter: Duration? = nil
  ) -> Decision.Step {
    unset(DeploymentCondition.reconciling)
    if let condition {
      unset(DeploymentCondition.stalled)
      set(condition, .isFalse, reason, message)
    }
    set(DeploymentCondition.ready, .isFalse, reason, message)
    if original?.conditions?[DeploymentCondition.ready]?.reason != reason {
      events.append(DeploymentEvent(condition == nil ? .normal : .warning, reason, message))
    }
    return keepCurrent(recheckAfter: min(recheckAfter ?? spec.recheckInterval, spec.recheckInterval))
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
    return hold(giveUp(DeploymentFailure(isTransient: false, reason: "Interrupted", message: message)))
  }

  private mutating func startAttempt(_ plan: ReleasePlan) -> Decision.Step {
    let isOverSettled = !isEnvironmentUnsettled
    let isAnother = isAttempted && !isRetryRequested && status.failure?.generation != generation
    let attempts = isAnother ? max(status.attempts ?? 0, 0).addingSaturated(1) : 1
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
      set(DeploymentCondition.scheduled, .isTrue, "Due", "The scheduled time has come")
    }
    unset(DeploymentCondition.drifted)
    set(DeploymentCondition.healthy, .unknown, "Deploying", "Known when the deployment has ended")
    set(
      DeploymentCondition.released, .unknown, isOverSettled ? Self.deployingOverSettled : "DeployingOverFailure", text)
    set(DeploymentCondition.reconciling, .isTrue, "Deploying", text)
    set(DeploymentCondition.ready, .isFalse, "Deploying", text)
    events.append(DeploymentEvent(.normal, "Deploying", text))
    return .deploy(plan)
  }

  /// The reason of `Released` during an attempt before which what ran was as the current release wants it.
  static let deployingOverSettled = "Deploying"

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
  private var scheduleWindow: ScheduleWindow {
    guard let schedule = spec.schedule, status.lastAttemptedGeneration != generation else { return .open }
    if facts.now < schedule.notBefore { return .waiting(until: schedule.notBefore) }
    let deadline = schedule.notBefore + min(schedule.startingDeadline.duration, .seconds(168 * 3600))
    return facts.now <= deadline ? .open : .missed(start: schedule.notBefore, deadline: deadline)
  }

  var retryRequest: String? { desired.metadata.annotations?[DesiredDeploymentKind.retryAnnotation] }

  private var isRetryRequested: Bool { retryRequest != nil && retryRequest != status.lastHandledRetryRequest }

  private var isAttempted: Bool { status.lastAttemptedGeneration == generation }

  /// True in the middle of an attempt, also where the Agent that began it is gone.
  private var isDeploying: Bool {
    status.progress != nil && original?.conditions?[DeploymentCondition.reconciling]?.reason == "Deploying"
  }

  /// True from the beginning of an attempt at this generation until it has come to a good or bad end, also between two
  /// tries.
  private var isAttemptOpen: Bool {
    isAttempted && original?.conditions?[DeploymentCondition.reconciling]?.reason == "Deploying"
  }

  var pauseUntilNextAttempt: Duration? {
    guard let next = status.nextAttemptAt, next > facts.now else { return nil }
    let pause = next - facts.now
    // Nobody who may write a status can put off the next try for ever.
    return pause <= facts.retry.longestDelay ? pause : nil
  }
}
