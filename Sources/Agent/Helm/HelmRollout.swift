import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import Synchronization
import Timing
import WireFormats

/// What happens in the cluster while a release is being changed: reported as progress, and as the true reason where it fails.
///
/// Four questions are put to it, one after the other:
///
/// | while, or once        | question                                              | answered by           |
/// |-----------------------|-------------------------------------------------------|-----------------------|
/// | helm runs             | is waiting of no more use, so that helm is ended?     | `earlyFailure(of:)`   |
/// | helm has failed       | what is the true reason?                              | `explained(_:)`       |
/// | helm has succeeded    | is the newest revision the one that was wanted?       | `own(_:)`             |
/// | that is so            | is everything ready, and seen to be? waits until it is | `finished(_:)`        |
///
/// All of them read the release's Secrets and a `RolloutAssessment`: the state of its workloads and pods, decided from live
/// objects alone. Time in which the cluster cannot be seen does not count (`OutageTally`).
final class HelmRollout: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let mask: SecretMask
  let runtime: HelmRuntime
  let target: RuntimeTarget
  private let deadline: Deadline
  /// The revision that is being left.
  let base: Int64
  let watch: RolloutWatch
  private let doorbell: Doorbell
  private let progress: @Sendable (Progress) async -> Void
  /// The most severe fault seen so far and its report: Helm may remove a hook's pods before it says that the hook failed.
  private let lastReport = Mutex<(fault: PodFault, text: String)?>(nil)
  private let outages = Mutex(OutageTally())
  /// All that may run; nil where nobody says.
  let images: Mutex<SignedImages?>
  /// The version of the Secret whose revision, hooks and all, names only what may run.
  let approved = Mutex<String?>(nil)

  /// A watch wakes it; this is for what it misses.
  private static let pollInterval = Duration.seconds(2)
  /// How long the copies may take to show what Helm has just done.
  private static let settleTime = Duration.seconds(20)

  init(
    runtime: HelmRuntime, target: RuntimeTarget, deadline: Deadline, base: Int64, mask: SecretMask,
    images: SignedImages?,
    progress: @escaping @Sendable (Progress) async -> Void
  ) {
    self.runtime = runtime
    self.target = target
    self.deadline = deadline
    self.base = base
    self.mask = mask
    self.images = Mutex(images)
    self.progress = progress
    watch = RolloutWatch(cluster: runtime.cluster, target: target, logger: runtime.logger)
    doorbell = Doorbell(wakeups: watch.wakeups)
  }

  func stop() { watch.stop() }

  /// To be called before anything is changed.
  func begin() async throws(RuntimeFailure) { try await watch.begin() }

  // MARK: While Helm works

  /// Reports what is waited for until the task is cancelled, or until waiting is of no more use.
  /// - Parameter failsFast: whether a fault that waiting will not mend ends the wait; false for a revision that ran before,
  ///   which is only waited for.
  func earlyFailure(of run: HelmRun, failsFast: Bool) async -> RuntimeFailure? {
    var told: Progress?
    var made: RevisionLabel?
    while !Task.isCancelled {
      noteView()
      do throws(RuntimeFailure) {
        let revisions = try await runtime.cluster.revisions(release: target.name, namespace: target.namespace)
        let own = try await revision(of: run, among: revisions)
        if let known = own ?? made, revisions.first?.number != known.number, !isOut,
          let interference = try await interference(with: run, having: known)
        {
          return interference
        }
        made = own ?? made
        if let newest = try await newest(among: revisions) {
          if let refusal = try await refusal(of: newest, isFinal: false) { return refusal }
          let assessment = try await watch.assessment(of: newest, includingHooks: true)
          if failsFast, let failure = await verdict(assessment) { return failure }
          if assessment.waitingFor != nil, assessment.progress != told {
            told = assessment.progress
            await tell(assessment)
          }
        }
      } catch {
        // What the Agent cannot read it could not look after; what it cannot see now it may see at the next look.
        if error.kind == .permanent { return error }
      }
      guard await doorbell.wait(atMost: Self.pollInterval, clock: runtime.clock) else { return nil }
    }
    return nil
  }

  /// The revision that a run of helm has made, if it has already.
  private func revision(
    of run: HelmRun, among revisions: [RevisionLabel]
  ) async throws(RuntimeFailure) -> RevisionLabel? {
    for revision in revisions.reversed() where revision.number > run.base {
      var description: String?
      if case .rollback = run.purpose { description = try await runtime.releases.summary(revision)?.description }
      if run.made(revision, among: revisions, description: description) { return revision }
    }
    return nil
  }

  /// Who else has used Helm since a run of it began, so far that the run's own end says nothing of what runs; nil where
  /// nobody has.
  /// - Parameter known: the revision that the run is known to have made.
  func interference(
    with run: HelmRun, having known: RevisionLabel? = nil
  ) async throws(RuntimeFailure) -> RuntimeFailure? {
    guard run.purpose != .uninstall else { return nil }
    let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    let own = try await revision(of: run, among: revisions)
    guard let newest = revisions.first else {
      return run.base > 0 || known != nil ? .interference(target.name, nil, nil, after: Self.midst) : nil
    }
    guard let number = (own ?? known)?.number, newest.number != number else { return nil }
    return .interference(target.name, newest, try await runtime.releases.readable(newest)?.0, after: Self.midst)
  }

  private static let midst = "the Agent's own was at work"

  /// Nil while there is none newer than the one that is being left.
  private func newest(among revisions: [RevisionLabel]) async throws(RuntimeFailure) -> NewestRevision? {
    guard let label = revisions.first, label.number > base,
      let (record, manifest) = try await runtime.releases.record(label)
    else { return nil }
    return NewestRevision(label: label, record: record, manifest: manifest)
  }

  /// Nil where waiting may help.
  private func verdict(_ assessment: RolloutAssessment) async -> RuntimeFailure? {
    guard let fault = assessment.fault, !isOut else { return nil }
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

  /// Why Helm failed: what holds up the workloads, where that is known, instead of Helm's word for having waited. Helm's own
  /// wait cannot be made longer by an outage, so one that fell into it says nothing.
  func explained(_ failure: RuntimeFailure) async -> RuntimeFailure {
    noteView()
    let tally = outages.withLock { $0 }
    guard tally.isConsiderable else { return await explanation(of: failure) }
    return RuntimeFailure(
      kind: .transient, reason: "ClusterUnreachable",
      message: "The API server could not be reached while Helm waited, so nothing is known against the release: "
        + failure.message)
  }

  private func explanation(of failure: RuntimeFailure) async -> RuntimeFailure {
    let revisions = try? await runtime.cluster.revisions(release: target.name, namespace: target.namespace)
    let newest = try? await newest(among: revisions ?? [])
    var assessment: RolloutAssessment?
    if let newest { assessment = try? await watch.assessment(of: newest, includingHooks: true) }
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
    let span = DurationText(target.timeout)
    if let told = assessment?.failure {
      return RuntimeFailure(
        kind: .permanent, reason: isHook ? failure.reason : "WorkloadUnhealthy",
        message: isHook ? "\(failure.message). \(mask.masked(told))" : "\(mask.masked(told)); not ready after \(span)")
    }
    if isHook { return failure }
    let report = FaultReport(client: runtime.client, namespace: target.namespace, mask: mask, clock: runtime.clock)
    if let object = assessment?.lackingPods, let told = await report.refusedPods(of: object) {
      return RuntimeFailure(
        kind: .permanent, reason: "WorkloadUnhealthy",
        message: "\(object.title) gets no pods: \(told); not ready after \(span)")
    }
    if let waiting = assessment?.waitingFor {
      return RuntimeFailure(
        kind: .permanent, reason: failure.reason,
        message: "Not everything is ready after \(span): \(mask.masked(waiting))")
    }
    if let newest, case let unready = await watch.unready(of: newest), !unready.isEmpty {
      var texts: [String] = []
      for object in unready.prefix(3) { texts.append(await report.text(of: object)) }
      return RuntimeFailure(
        kind: .permanent, reason: failure.reason,
        message: "Not everything is ready after \(span): \(texts.joined(separator: "; "))")
    }
    return failure
  }

  /// The release's newest revision.
  /// - Throws: where that is not what was wanted, since somebody else has used Helm.
  func own(_ wanted: WantedRevision) async throws(RuntimeFailure) -> NewestRevision {
    let copy = try await runtime.cluster.revisions(release: target.name, namespace: target.namespace)
    if let label = copy.first, let (record, manifest) = try await runtime.releases.readable(label),
      wanted.isMet(by: record)
    {
      return NewestRevision(label: label, record: record, manifest: manifest)
    }
    // The copy may be older than what Helm has just done.
    let label = try await runtime.releases.revisions(release: target.name, namespace: target.namespace).first
    guard let label, let (record, manifest) = try await runtime.releases.record(label) else {
      throw .interference(target.name, label, nil, after: Self.midst)
    }
    guard wanted.isMet(by: record) else { throw .interference(target.name, label, record, after: Self.midst) }
    return NewestRevision(label: label, record: record, manifest: manifest)
  }

  /// Waits until all of the revision is ready and the copies show what was done.
  /// - Parameter isKnownGood: true for a revision that ran before: it is only waited for, never judged early.
  /// - Throws: also where another revision has come in the place of the one that was wanted.
  func finished(_ wanted: WantedRevision, isKnownGood: Bool) async throws(RuntimeFailure) -> RunningRelease {
    var told: Progress?
    var quietUntil: Duration?
    while true {
      noteView()
      let own = try await own(wanted)
      let assessment = try await watch.assessment(of: own, includingHooks: false)
      if let refusal = try await refusal(of: own, isFinal: assessment.waitingFor == nil) { throw refusal }
      if assessment.waitingFor == nil {
        if try await isSettled(own) { return try await running(own) }
        // All is ready, so what still differs is either not seen yet or changed by somebody at this very moment.
        quietUntil = quietUntil ?? remaining - Self.settleTime
        if let quietUntil, !isOut, remaining <= max(quietUntil, .zero) { return try await running(own) }
      } else {
        if !isKnownGood, let failure = await verdict(assessment) { throw failure }
        if assessment.progress != told {
          told = assessment.progress
          await tell(assessment)
        }
      }
      if !isOut, remaining <= .zero {
        throw await explanation(
          of: RuntimeFailure(
            kind: .permanent, reason: "Timeout",
            message: "Not everything is ready after \(DurationText(target.timeout))"))
      }
      let pause = min(quietUntil == nil ? Self.pollInterval : .milliseconds(100), max(remaining, .milliseconds(50)))
      guard await doorbell.wait(atMost: pause, clock: runtime.clock) else { throw .stopped }
    }
  }

  /// False while the copies still show a difference from the manifest.
  private func isSettled(_ own: NewestRevision) async throws(RuntimeFailure) -> Bool {
    guard case .helm(let observation) = try await runtime.observe(target) else { return false }
    return observation.differences.allSatisfy { $0.obstacle != nil }
      && observation.latest?.number == own.label.number
      && observation.latest?.status == own.record.revision.status
  }

  private func running(_ own: NewestRevision) async throws(RuntimeFailure) -> RunningRelease {
    RunningRelease(
      imageDigests: try await watch.imageDigests(of: own),
      revision: RevisionReference(own.label.number, manifestSha256: own.record.revision.manifestSha256))
  }

  // MARK: Outages

  /// What is left of the time, which does not run while nothing can be seen.
  private var remaining: Duration { deadline.remaining() + outages.withLock { $0.lost } }

  private var isOut: Bool { outages.withLock { $0.isOut } }

  private func noteView() {
    let moment = deadline.limit - deadline.remaining()
    let isOut = watch.isOut
    outages.withLock { $0.note(isOut: isOut, at: moment) }
  }
}
