import DeploymentKinds
import DeploymentPlanning
import Synchronization
import WireFormats

/// What happens in the cluster while a release is being changed: told as progress, and as the true reason where it fails.
final class HelmRollout: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let mask: SecretMask
  private let runtime: HelmRuntime
  private let target: RuntimeTarget
  private let deadline: Deadline
  /// The revision that is being left.
  private let base: Int64
  private let watch: RolloutWatch
  private let doorbell: Doorbell
  private let progress: @Sendable (Progress) async -> Void
  /// The gravest fault seen so far and its report: Helm may remove a hook's pods before it says that the hook failed.
  private let lastReport = Mutex<(fault: PodFault, text: String)?>(nil)

  /// A watch wakes it; this is for what it misses.
  private static let pollInterval = Duration.seconds(2)
  /// How long the copies may take to show what Helm has just done.
  private static let settleTime = Duration.seconds(20)

  init(
    runtime: HelmRuntime, target: RuntimeTarget, deadline: Deadline, base: Int64, mask: SecretMask,
    progress: @escaping @Sendable (Progress) async -> Void
  ) {
    self.runtime = runtime
    self.target = target
    self.deadline = deadline
    self.base = base
    self.mask = mask
    self.progress = progress
    watch = RolloutWatch(cluster: runtime.cluster, releases: runtime.releases, target: target, logger: runtime.logger)
    doorbell = Doorbell(rings: watch.rings)
  }

  func stop() { watch.stop() }

  /// To be called before anything is changed.
  func begin() async throws(RuntimeFailure) { try await watch.begin() }

  // MARK: While Helm works

  /// Tells what is waited for until the task is cancelled, or until waiting is of no more use.
  /// - Parameter judges: false for a revision that ran before: it is only waited for.
  func earlyFailure(judges: Bool) async -> RuntimeFailure? {
    var told: Progress?
    while !Task.isCancelled {
      if let assessment = try? await watch.assessment(after: base, includingHooks: true) {
        if judges, let failure = await verdict(assessment) { return failure }
        if assessment.waitingFor != nil, assessment.progress != told {
          told = assessment.progress
          await tell(assessment)
        }
      }
      guard await doorbell.wait(atMost: Self.pollInterval, clock: runtime.clock) else { return nil }
    }
    return nil
  }

  /// Nil where waiting may help.
  private func verdict(_ assessment: RolloutAssessment) async -> RuntimeFailure? {
    guard let fault = assessment.fault else { return nil }
    switch fault.kind {
    case .imagePull(isFinal: true):
      // What has long failed may be just what this repairs.
      return watch.formerRestarts(ofPod: fault.pod) == nil ? await failure(fault, assessment.workload) : nil
    case .crash(let restarts):
      if max(restarts, 0) - max(watch.formerRestarts(ofPod: fault.pod) ?? 0, 0) >= runtime.configuration.restartLimit {
        return await failure(fault, assessment.workload)
      }
      // Its log may be gone when Helm gives up.
      _ = await report(fault, assessment.workload)
      return nil
    case .imagePull(isFinal: false), .cannotStart, .unschedulable, .notReady, .preparing: return nil
    }
  }

  private func tell(_ assessment: RolloutAssessment) async {
    var told = assessment.progress
    told.message = mask.masked(told.message)
    await progress(told)
  }

  private func failure(_ fault: PodFault, _ workload: String?) async -> RuntimeFailure {
    RuntimeFailure(kind: .permanent, reason: fault.reason, message: await report(fault, workload))
  }

  private func report(_ fault: PodFault, _ workload: String?) async -> String {
    if let known = lastReport.withLock({ $0 }), known.fault == fault { return known.text }
    let report = FaultReport(client: runtime.client, namespace: target.namespace, mask: mask, clock: runtime.clock)
    // What has begun to be read is read to its end: that Helm has ended meanwhile is no reason to know less.
    let text = await Task { await report.text(of: fault, workload: workload) }.value
    lastReport.withLock { $0 = (fault, text) }
    return text
  }

  // MARK: After Helm

  /// Why Helm failed: what holds up the workloads, where that is known, instead of Helm's word for having waited.
  func explained(_ failure: RuntimeFailure) async -> RuntimeFailure {
    let assessment = try? await watch.assessment(after: base, includingHooks: true)
    let isHook = failure.reason == "HookFailed"
    if let fault = assessment?.fault {
      let text = await report(fault, assessment?.workload)
      return RuntimeFailure(
        kind: .permanent, reason: isHook ? failure.reason : fault.reason,
        message: isHook ? "\(failure.message). \(text)" : text)
    }
    if isHook, let known = lastReport.withLock({ $0 }) {
      return RuntimeFailure(kind: .permanent, reason: failure.reason, message: "\(failure.message). \(known.text)")
    }
    if let waiting = assessment?.failure ?? assessment?.waitingFor {
      return RuntimeFailure(
        kind: .permanent, reason: failure.reason,
        message: "Not everything is ready after \(DurationText(target.timeout)): \(mask.masked(waiting))")
    }
    return failure
  }

  /// Waits until all of the release's newest revision is ready and the copies show what was done.
  /// - Parameters:
  ///   - revision: that it must be at least; nil for any newer than the one that was left.
  ///   - isKnownGood: true for a revision that ran before: it is only waited for, never judged early.
  func finished(revision: Int64?, isKnownGood: Bool) async throws(RuntimeFailure) -> RunningRelease {
    let before = revision.map { $0 - 1 } ?? base
    var told: Progress?
    var quietUntil: Duration?
    while true {
      let assessment = try await watch.assessment(after: before, includingHooks: false)
      if let assessment, assessment.waitingFor == nil {
        if let running = try await settled() { return running }
        // All is ready, so what still differs is either not seen yet or changed by somebody at this very moment.
        quietUntil = quietUntil ?? deadline.remaining() - Self.settleTime
        if let quietUntil, deadline.remaining() <= max(quietUntil, .zero) { return try await running() }
      } else if let assessment {
        if !isKnownGood, let failure = await verdict(assessment) { throw failure }
        if assessment.progress != told {
          told = assessment.progress
          await tell(assessment)
        }
      }
      if deadline.remaining() <= .zero {
        throw await explained(
          RuntimeFailure(
            kind: .permanent, reason: "Timeout",
            message: "Not everything is ready after \(DurationText(target.timeout))"))
      }
      let pause = min(
        quietUntil == nil ? Self.pollInterval : .milliseconds(100), max(deadline.remaining(), .milliseconds(50)))
      guard await doorbell.wait(atMost: pause, clock: runtime.clock) else { throw .stopped }
    }
  }

  /// Nil while the copies still show a difference from the manifest.
  private func settled() async throws(RuntimeFailure) -> RunningRelease? {
    guard case .helm(let observation) = try await runtime.observe(target), observation.differences.isEmpty,
      observation.latest?.status == .deployed
    else { return nil }
    return try await running()
  }

  private func running() async throws(RuntimeFailure) -> RunningRelease {
    let revisions = try await runtime.cluster.revisions(release: target.name, namespace: target.namespace)
    var reference: RevisionReference?
    if let latest = revisions.first {
      let record = try await runtime.releases.record(latest)?.0
      reference = RevisionReference(latest.number, manifestSha256: record?.revision.manifestSha256)
    }
    return RunningRelease(imageDigests: try await watch.imageDigests(), revision: reference)
  }
}
