import Cryptography
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Logging
import Processes
import ResourceClient
import ResourceModel
import ServiceLifecycle
import Synchronization
import WireFormats

/// One change of one release: an upgrade, a rollback, a correction or the end.
///
/// Helm's own atomic mode is not used: its rollback would take the failing pods away before anybody has seen why they fail,
/// and would end half way where Helm is killed. The Agent reads the reason first, and its next step is the rollback,
/// whoever takes it.
struct HelmOperation: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let runtime: HelmRuntime
  let command: HelmCommand
  let target: RuntimeTarget
  let deadline: Deadline
  let progress: @Sendable (Progress) async -> Void

  private var files: HelmFiles {
    HelmFiles(workingDirectory: runtime.configuration.workingDirectory, target: target)
  }

  // MARK: Changes

  /// Makes the release run `release`, and waits until it is healthy.
  func upgrade(to release: PreparedRelease) async throws(RuntimeFailure) -> RunningRelease {
    let lock = try await lock()
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "reading the chart"))
    let chart = try HelmChart(folder: release.folder)
    let values = try await HelmValues.read(
      release, namespace: target.namespace, folder: release.workFolder, client: runtime.client)
    defer { values.erase() }
    let revisions = try await recovered()
    let rollout = try await rollout(after: revisions, secrets: values.secrets)
    defer { rollout.stop() }
    let description = Self.description(of: release.release, values: values.digest)
    let deployed = try await deployedDescription(revisions)
    if let latest = revisions.first, deployed == description {
      // An Agent that was killed, or the one before this, had come this far.
      return try await rollout.finished(revision: latest.number, isKnownGood: false)
    }
    let version = release.release.version
    var upgrade = HelmCommand.Upgrade(
      release: target.name, namespace: target.namespace, chart: chart.folder, valueFiles: values.files,
      imageTags: release.release.imageTags ?? [:], timeout: deadline.remaining(),
      historyMax: runtime.configuration.historyMax, description: description, operation: Self.newOperation())
    let own = try await OwnWorkload.find(
      podName: runtime.configuration.podName, of: target, client: runtime.client)
    guard let own, let newTag = upgrade.imageTags[OwnWorkload.service], newTag != own.imageTag else {
      await progress(
        Progress(step: .upgrading, done: 0, total: 0, message: "helm upgrade to \(version) has begun"))
      try await run(command.arguments(upgrade), rollout, holding: lock)
      return try await rollout.finished(revision: nil, isKnownGood: false)
    }
    let firstPart = "\(description), all but the Agent"
    if deployed != firstPart {
      await progress(
        Progress(
          step: .upgrading, done: 0, total: 0, message: "helm upgrade to \(version) has begun; the Agent comes last"))
      upgrade.imageTags[OwnWorkload.service] = own.imageTag
      upgrade.description = firstPart
      try await run(command.arguments(upgrade), rollout, holding: lock)
    }
    await progress(
      Progress(
        step: .replacingAgent, done: 0, total: 1, message: "everything else runs; the Agent is replaced by \(newTag)"))
    upgrade.imageTags[OwnWorkload.service] = newTag
    upgrade.description = description
    upgrade.isWaiting = false
    upgrade.operation = Self.newOperation()
    upgrade.timeout = deadline.remaining()
    try await run(command.arguments(upgrade), rollout, holding: lock)
    return try await handOver(to: rollout)
  }

  /// Waits for the new Agent. Once that is ready this one is asked to stop, and then leaves the rest to it at once.
  private func handOver(to rollout: HelmRollout) async throws(RuntimeFailure) -> RunningRelease {
    let outcome: Result<RunningRelease, RuntimeFailure>? = await cancelWhenGracefulShutdown {
      do throws(RuntimeFailure) {
        return .success(try await rollout.finished(revision: nil, isKnownGood: false))
      } catch {
        return .failure(error)
      }
    }
    guard let outcome else { throw .stopped }
    return try outcome.get()
  }

  /// Brings back a revision that Helm still has.
  /// - Returns: nil where it has none of that number and content.
  func restore(
    _ reference: RevisionReference, purpose: RestorePurpose
  ) async throws(RuntimeFailure) -> RunningRelease? {
    let revision = reference.number
    let lock = try await lock()
    let revisions = try await recovered()
    let rollout = try await rollout(after: revisions)
    defer { rollout.stop() }
    guard let latest = revisions.first, let newest = try await runtime.releases.record(latest)?.0 else { return nil }
    if reference.names(newest.revision), latest.status == .deployed {
      await progress(Progress(step: .preparing, done: 0, total: 0, message: "looking for what was changed"))
      try await correctObjects(latest)
      return try await rollout.finished(revision: revision, isKnownGood: true)
    }
    if latest.status == .deployed, newest.description == "Rollback to \(revision)",
      reference.isContent(of: newest.revision)
    {
      return try await rollout.finished(revision: latest.number, isKnownGood: true)
    }
    guard let kept = revisions.first(where: { $0.number == revision }), Self.canReturn(to: kept.status),
      let record = try await runtime.releases.record(kept)?.0, reference.names(record.revision)
    else { return nil }
    await progress(
      Progress(step: .rollingBack, done: 0, total: 0, message: "helm rollback to revision \(revision) has begun"))
    let arguments = command.rollbackArguments(
      release: target.name, namespace: target.namespace, revision: revision, timeout: deadline.remaining(),
      historyMax: runtime.configuration.historyMax, runsHooks: purpose == .rollback)
    try await run(arguments, rollout, judges: false, holding: lock)
    return try await rollout.finished(revision: nil, isKnownGood: true)
  }

  func uninstall() async throws(RuntimeFailure) {
    let lock = try await lock()
    await progress(
      Progress(step: .uninstalling, done: 0, total: 1, message: "removing the Helm release \(target.name)"))
    let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    if revisions.isEmpty { return }
    let rollout = try await rollout(after: revisions)
    defer { rollout.stop() }
    try await run(
      command.uninstallArguments(
        release: target.name, namespace: target.namespace, timeout: deadline.remaining()),
      rollout, holding: lock)
  }

  private static func canReturn(to status: HelmObservation.Status) -> Bool {
    switch status {
    case .deployed, .superseded, .uninstalled: true
    case .unknown, .failed, .uninstalling, .pendingInstall, .pendingUpgrade, .pendingRollback: false
    }
  }

  /// What Helm's history says of the newest revision; nil where that is not deployed.
  private func deployedDescription(_ revisions: [RevisionLabel]) async throws(RuntimeFailure) -> String? {
    guard let latest = revisions.first, latest.status == .deployed else { return nil }
    return try await runtime.releases.record(latest)?.0.description
  }

  /// Applies the objects of the deployed revision that differ from its manifest.
  private func correctObjects(_ revision: RevisionLabel) async throws(RuntimeFailure) {
    guard let (_, manifest) = try await runtime.releases.record(revision) else { return }
    let live = try await runtime.cluster.live(manifest.objects)
    let drifted = try await runtime.drift.drifted(manifest, live: live, of: target, revision: revision.number)
    for (index, drifted) in drifted.enumerated() {
      await progress(
        Progress(
          step: .starting, done: index, total: drifted.differences.count,
          message: "applying \(drifted.object.title) as it was deployed"))
      try await runtime.drift.correct(drifted, of: target)
    }
  }

  // MARK: What was left in the middle

  private func lock() async throws(RuntimeFailure) -> TargetLock {
    try files.create()
    return try await TargetLock.take(
      files.lock, title: "Helm run of release \(target.name)", deadline: deadline, clock: runtime.clock,
      progress: progress)
  }

  /// The release's revisions, once none of them is pending any more. The caller holds the lock, so no Helm of this Agent
  /// works: one that is pending was left by a killed one, or somebody else works.
  private func recovered() async throws(RuntimeFailure) -> [RevisionLabel] {
    var isAnnounced = false
    while true {
      let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
      // Helm goes by what the Secret holds; its label is what others see.
      guard let latest = revisions.first, let (record, _) = try await runtime.releases.record(latest),
        latest.status.isPending || record.revision.status.isPending
      else {
        files.forgetRun()
        return revisions
      }
      let age = runtime.now() - Timestamp(seconds: latest.writtenAt)
      let isOurs =
        files.hasUnfinishedRun || age > target.timeout
        || (latest.operation != nil && !revisions.dropFirst().contains { $0.operation == latest.operation })
      if isOurs {
        runtime.logger.notice(
          "Letting go of a Helm revision that was left in the middle",
          metadata: ["release": .string(target.name), "revision": "\(latest.number)"])
        try await runtime.releases.letGo(
          latest, because: "wrktalk-agent: the \(record.revision.status.rawValue) of this revision was interrupted")
      } else if !isAnnounced {
        isAnnounced = true
        await progress(
          Progress(
            step: .preparing, done: 0, total: 0,
            message:
              "waiting for a Helm that somebody else runs: revision \(latest.number) is \(record.revision.status.rawValue)"
          ))
      }
      guard deadline.remaining() > .zero else {
        throw RuntimeFailure(
          kind: .transient, reason: "HelmBusy",
          message: "Somebody else's Helm works on release \(target.name): revision \(latest.number) is "
            + record.revision.status.rawValue)
      }
      do { try await runtime.clock.sleep(for: isOurs ? .milliseconds(200) : .seconds(2)) } catch { throw .stopped }
    }
  }

  // MARK: Helm

  /// - Parameter secrets: what must not be told besides what the release's Secrets hold now.
  private func rollout(
    after revisions: [RevisionLabel], secrets: [String] = []
  ) async throws(RuntimeFailure) -> HelmRollout {
    var secrets = secrets
    if let latest = revisions.first, let (_, manifest) = try await runtime.releases.record(latest) {
      secrets += manifest.secretTexts
    }
    return HelmRollout(
      runtime: runtime, target: target, deadline: deadline, base: revisions.first?.number ?? 0,
      mask: SecretMask(values: secrets), progress: progress)
  }

  /// Runs helm while the rollout is watched, which may end it early.
  private func run(
    _ arguments: [String], _ rollout: HelmRollout, judges: Bool = true, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) {
    try await rollout.begin()
    try files.beginRun()
    let input = lock.file
    let verdict = Mutex<RuntimeFailure?>(nil)
    let helm = Task { () -> Result<ProcessResult, ProcessError> in
      do throws(ProcessError) {
        // Each of Helm's phases may take the whole timeout; all of them together may not take longer.
        return .success(
          try await ChildProcess.run(
            executable: command.executable, arguments: arguments, environment: runtime.configuration.environment,
            standardInput: input, timeout: deadline.remaining() + .seconds(15),
            terminationGrace: runtime.configuration.terminationGrace,
            outputLimit: 256 << 10))
      } catch {
        return .failure(error)
      }
    }
    let watching = Task {
      // Once Helm has ended by itself its own word counts.
      guard let failure = await rollout.earlyFailure(judges: judges), !Task.isCancelled else { return }
      verdict.withLock { $0 = failure }
      helm.cancel()
    }
    let outcome = await withTaskCancellationHandler {
      await helm.value
    } onCancel: {
      helm.cancel()
    }
    watching.cancel()
    await watching.value
    if Task.isCancelled { throw .stopped }
    // What ended by itself left nothing in the middle.
    if case .success(let result) = outcome, case .exited = result.status { files.forgetRun() }
    if let failure = verdict.withLock({ $0 }) { throw failure }
    switch outcome {
    case .success(let result) where result.status.isSuccess: return
    case .success(let result):
      if case .killed(let signal) = result.status {
        throw RuntimeFailure(
          kind: .transient, reason: "HelmInterrupted", message: "Helm was killed by signal \(signal)")
      }
      let (failure, mayBeWorkload) = HelmFault.failure(result.standardError.text, mask: rollout.mask)
      throw mayBeWorkload ? await rollout.explained(failure) : failure
    case .failure(.cancelled): throw .stopped
    case .failure(.timedOut):
      throw await rollout.explained(
        RuntimeFailure(
          kind: .permanent, reason: "Timeout",
          message: "Helm had not ended after \(DurationText(target.timeout))"))
    case .failure(let error):
      throw RuntimeFailure(
        kind: .transient, reason: "HelmUnusable", message: "\(command.executable) could not be run: \(error)")
    }
  }

  /// Stands in Helm's history of a deployed revision, and tells whether it is just this release with just these settings.
  private static func description(of release: DesiredDeploymentStatus.Release, values: String) -> String {
    let tags = (release.imageTags ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let parts = [release.artifact.sha256, values] + tags
    let digest = SHA256.digest(of: Array(parts.joined(separator: "\n").utf8)).hexadecimal
    return "\(ownDescription)\(release.version) (\(digest.prefix(16)))"
  }

  /// So begin the descriptions of the revisions that an Agent deployed.
  static let ownDescription = "wrktalk-agent: "

  private static func newOperation() -> String { Hexadecimal.encode(SecureRandom.bytes(count: 8)) }
}
