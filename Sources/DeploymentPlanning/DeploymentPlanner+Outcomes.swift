public import DeploymentKinds
import ReleaseManifest
public import ResourceModel
public import WireFormats

/// What a step came to.
public enum DeploymentOutcome: Sendable, Hashable {
  /// The release that is being deployed is what it should be.
  case verified(ReleaseAssurance)
  /// All of the release runs in full health. Its `configPath` is what a rollback to it is to use.
  case deployed(DesiredDeploymentStatus.Release, RunningRelease)
  case deploymentFailed(DeploymentFailure)
  case restored(RunningRelease, RestorePurpose)
  case restoreFailed(DeploymentFailure, RestorePurpose)
  /// With what was left where it is, a sentence each.
  case uninstalled(staying: [String])
  case uninstallFailed(DeploymentFailure)
}

/// On what grounds a release is believed to be the vendor's.
public enum ReleaseAssurance: Sendable, Hashable {
  /// Enough of the trust root's keys have signed it; their names, short enough for a person.
  case signed(by: [String])
  /// The Agent was told to deploy what nobody signed.
  case unsigned
}

/// What runs once a release has converged.
public struct RunningRelease: Sendable, Hashable {
  /// Service to image digest.
  public var imageDigests: [String: String]
  /// What drift is measured against; empty where it is measured against something else.
  public var services: [DesiredDeploymentStatus.Service]
  /// What of the release the engine keeps otherwise, and deploying cannot change: a sentence each.
  public var unapplied: [String]
  /// The revision that the runtime gave it; nil for one that counts none.
  public var revision: RevisionReference?
  /// What of other versions stays beside it, and what could not go back, in words.
  public var remnants: [String]
  /// What people should know of a release that runs all the same.
  public var warnings: [String]

  public init(
    imageDigests: [String: String], services: [DesiredDeploymentStatus.Service] = [], unapplied: [String] = [],
    revision: RevisionReference? = nil, remnants: [String] = [], warnings: [String] = []
  ) {
    self.warnings = warnings
    self.imageDigests = imageDigests
    self.services = services.sorted { $0.name < $1.name }
    self.unapplied = unapplied
    self.revision = revision
    self.remnants = remnants
  }

  /// What follows a sentence that says what runs: nothing, or what stays.
  var remnantsText: String { remnants.isEmpty ? "" : ". \(remnants.joined(separator: "; "))" }
}

extension DeploymentPlanner {
  /// The status and the events that report the outcome of the step that `desired` was decided to take.
  public static func record(
    _ outcome: DeploymentOutcome, of desired: DesiredDeployment, now: Timestamp, retry: RetryPolicy = RetryPolicy()
  ) -> (status: DesiredDeploymentStatus, events: [DeploymentEvent]) {
    var planner = DeploymentPlanner(desired, facts: DeploymentFacts(now: now, retry: retry))
    switch outcome {
    case .verified(let assurance): planner.recordVerified(assurance)
    case .deployed(let release, let running): planner.recordDeployed(release, running)
    case .deploymentFailed(let failure): planner.recordDeploymentFailed(failure)
    case .restored(let running, let purpose): planner.recordRestored(running, purpose)
    case .restoreFailed(let failure, let purpose): planner.recordRestoreFailed(failure, purpose)
    case .uninstalled(let staying): planner.recordUninstalled(staying: staying)
    case .uninstallFailed(let failure): planner.recordUninstallFailed(failure)
    }
    return (planner.affirmedStatus(), planner.events)
  }

  private mutating func recordVerified(_ assurance: ReleaseAssurance) {
    let version = desiredPlan?.release.version ?? spec.version ?? "The release"
    let (reason, message) =
      switch assurance {
      case .signed(let keys):
        (
          ConditionReason.releaseVerified,
          "\(version) is what the vendor signed (\(keys.count == 1 ? "key" : "keys") \(keys.joined(separator: ", ")))"
        )
      case .unsigned:
        (
          .unsigned,
          "The artifact of \(version) has its digest; whether the vendor signed the release was not checked, since this "
            + "Agent was told to deploy what nobody signed"
        )
      }
    set(DeploymentCondition.artifactVerified, .isTrue, reason, message)
    if original?.conditions?.isTrue(DeploymentCondition.artifactVerified) != true {
      events.append(DeploymentEvent(.normal, "ArtifactVerified", message))
    }
  }

  private mutating func recordDeployed(_ release: DesiredDeploymentStatus.Release, _ running: RunningRelease) {
    let revision = running.revision ?? RevisionReference(status.nextRevision)
    let now = facts.now.wholeSeconds
    let current = DesiredDeploymentStatus.Current(
      version: release.version, revision: revision.number, manifestSha256: revision.manifestSha256,
      artifactSha256: release.artifact.sha256, release: release, imageDigests: running.imageDigests,
      services: running.services.isEmpty ? nil : running.services,
      unapplied: running.unapplied.isEmpty ? nil : running.unapplied,
      warnings: running.warnings.isEmpty ? nil : running.warnings, since: now)
    let text = "\(current.title) was deployed\(running.remnantsText)"
    prepend(
      .init(
        revision: revision.number, manifestSha256: revision.manifestSha256, generation: generation, release: release,
        outcome: .deployed, message: text, startedAt: status.attemptStartedAt ?? now, completedAt: now,
        imageDigests: running.imageDigests, images: current.images))
    status.current = current
    status.progress = nil
    status.resumptions = nil
    status.failure = nil
    status.nextAttemptAt = nil
    status.corrections = nil
    unset(DeploymentCondition.reconciling, DeploymentCondition.stalled, DeploymentCondition.remediated)
    set(DeploymentCondition.released, .isTrue, .deployed, deployedText(current) + running.remnantsText)
    setHealthy(.healthy)
    markInSync(current)
    set(DeploymentCondition.ready, .isTrue, .inSync, "\(current.title) runs in full health")
    events.append(
      DeploymentEvent(
        .normal, "Deployed", "\(current.title) was deployed and runs in full health\(running.remnantsText)"))
    if let warnings = current.warnings {
      events.append(DeploymentEvent(.warning, "DeployedWithWarnings", "\(current.title): \(Self.sentences(warnings))"))
    }
  }

  private mutating func recordDeploymentFailed(_ failure: DeploymentFailure) {
    let attempts = max(status.attempts ?? 1, 1)
    if failure.isTransient, failure.isOutage || attempts < facts.retry.maxAttempts {
      if isUntouched, let current = status.current {
        set(DeploymentCondition.released, .isTrue, .deployed, deployedText(current))
      }
      status.progress = nil
      let text =
        failure.isOutage
        ? "Goes on as soon as it can: \(failure.message)"
        : "Attempt \(attempts) of \(facts.retry.maxAttempts) failed and is repeated: \(failure.message)"
      // What the release has no part in does not count against it.
      if failure.isOutage { status.attempts = max(attempts, 1) - 1 }
      status.nextAttemptAt = facts.now + facts.retry.delay(afterAttempts: attempts)
      set(DeploymentCondition.reconciling, .isTrue, .deploying, text)
      set(DeploymentCondition.ready, .isFalse, reason: failure.reason, text)
      events.append(DeploymentEvent(.warning, failure.reason, text))
      return
    }
    let failed = giveUp(failure)
    if spec.failurePolicy == .hold || status.current == nil { _ = hold(failed) }
  }

  /// Records that the attempt failed for good; what follows from that is for `hold` to say.
  mutating func giveUp(_ failure: DeploymentFailure) -> DesiredDeploymentStatus.Failure {
    let now = facts.now.wholeSeconds
    let attempts = status.attempts ?? 1
    let isUntouched = isUntouched
    let plan = desiredPlan
    let version = plan?.release.version ?? spec.version ?? ""
    let message = failure.isTransient ? "\(failure.message) (after \(attempts) attempts)" : failure.message
    let failed = DesiredDeploymentStatus.Failure(
      generation: generation, version: version, reason: failure.reason, message: message, at: now)
    status.progress = nil
    status.resumptions = nil
    status.nextAttemptAt = nil
    status.failure = failed
    if let release = plan?.release {
      prepend(
        .init(
          revision: nil, generation: generation, release: release, outcome: .failed,
          message: "\(failure.reason): \(message)", startedAt: status.attemptStartedAt ?? now, completedAt: now))
    }
    unset(DeploymentCondition.reconciling)
    if ArtifactFailureReason.isRefusal(failure.reason) {
      set(DeploymentCondition.artifactVerified, .isFalse, reason: failure.reason, message)
    }
    set(DeploymentCondition.healthy, .unknown, .deploymentFailed, "What the failure left running was not checked")
    set(DeploymentCondition.released, .isFalse, reason: failure.reason, message)
    set(DeploymentCondition.ready, .isFalse, reason: failure.reason, "\(version) failed: \(message)")
    events.append(DeploymentEvent(.warning, failure.reason, "\(version) failed: \(message)"))
    if isUntouched, ArtifactFailureReason.isRefusal(failure.reason), let current = status.current {
      markRemediated(current)
    }
    return failed
  }

  private var desiredPlan: ReleasePlan? {
    if case .release(let plan) = DesiredRelease(spec: spec, status: status) { plan } else { nil }
  }

  /// True where the attempt certainly changed nothing, and brought back nothing that the runtime keeps itself.
  private var isUntouched: Bool { status.hasTouchedNothing && desiredPlan?.revision == nil }

  private mutating func recordRestored(_ running: RunningRelease, _ purpose: RestorePurpose) {
    guard var current = status.current else { return }
    current.imageDigests = running.imageDigests
    current.services = running.services.isEmpty ? nil : running.services
    current.unapplied = running.unapplied.isEmpty ? nil : running.unapplied
    if !running.warnings.isEmpty, running.warnings != current.warnings {
      events.append(
        DeploymentEvent(.warning, "DeployedWithWarnings", "\(current.title): \(Self.sentences(running.warnings))"))
    }
    current.warnings = running.warnings.isEmpty ? nil : running.warnings
    // A rollback is a revision of its own for Helm; the history keeps the one at which the release was deployed.
    if let revision = running.revision {
      (current.revision, current.manifestSha256) = (revision.number, revision.manifestSha256)
    }
    status.current = current
    setHealthy(.healthy)
    status.progress = nil
    status.nextAttemptAt = nil
    unset(DeploymentCondition.reconciling)
    switch purpose {
    case .rollback:
      markInSync(current)
      markRemediated(current, beside: running)
      if let failure = status.failure, failure.generation == generation { recordKept(current, insteadOf: failure) }
    case .driftCorrection: markCorrected(current, beside: running)
    }
  }

  private mutating func recordRestoreFailed(_ failure: DeploymentFailure, _ purpose: RestorePurpose) {
    let title = status.current?.title ?? "the last good version"
    let (type, value, reason): (String, Condition.Status, String) =
      switch purpose {
      case .rollback: (DeploymentCondition.remediated, .isFalse, failure.reason)
      case .driftCorrection: (DeploymentCondition.drifted, .isTrue, ConditionReason.correctionFailed.rawValue)
      }
    let message = "Returning to \(title) failed and is repeated until it succeeds: \(failure.message)"
    let since = original?.conditions?[type].flatMap { $0.status == value ? $0.lastTransitionTime : nil } ?? facts.now
    status.progress = nil
    status.nextAttemptAt = facts.now + facts.retry.delay(failingFor: facts.now - since)
    unset(DeploymentCondition.reconciling)
    let summary = purpose == .rollback ? ConditionReason.rollbackFailed : .correctionFailed
    if original?.conditions?[type]?.message != message {
      events.append(DeploymentEvent(.warning, summary.rawValue, message))
    }
    set(type, value, reason: reason, message)
    set(DeploymentCondition.ready, .isFalse, summary, message)
  }

  private mutating func prepend(_ entry: DesiredDeploymentStatus.HistoryEntry) {
    status.history = Array(([entry] + (status.history ?? [])).prefix(DesiredDeploymentStatus.historyLimit))
  }
}

/// Why an artifact is not deployed: nothing of the environment was touched.
public enum ArtifactFailureReason: String, Sendable, Hashable, CaseIterable {
  case notFound = "ArtifactNotFound"
  case digestMismatch = "ArtifactDigestMismatch"
  case refused = "ArtifactRefused"
  /// A setting that decides what programs load or where they connect, which no release may bring.
  case settingRefused = "SettingRefused"
  /// A return to what this Agent did not verify and run itself.
  case rollbackRefused = "RollbackRefused"

  /// True for the reason of a release that was refused before anything was touched.
  static func isRefusal(_ reason: String) -> Bool {
    Self(rawValue: reason) != nil || TrustError.Reason(rawValue: reason) != nil
  }
}
