import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Logging
import Processes
import ResourceModel
import Synchronization
import Timing
import WireFormats

extension HelmOperation {
  /// How helm came to its end.
  enum RunOutcome {
    case succeeded
    /// - Parameter isWorkloads: true where what it deployed did not come up, so that Helm itself did all it could.
    case failed(RuntimeFailure, isWorkloads: Bool)
  }

  // MARK: What was left in the middle

  func lock() async throws(RuntimeFailure) -> TargetLock {
    try files.create()
    return try await TargetLock.take(
      files.lock, title: "Helm run of release \(target.name)", deadline: deadline, clock: runtime.clock,
      progress: progress)
  }

  /// The release's revisions, once none of them is pending any more. The caller holds the lock, so no Helm of this Agent
  /// works: one that is pending was left by a killed one, or somebody else works.
  func recovered() async throws(RuntimeFailure) -> [RevisionLabel] {
    var isAnnounced = false
    while true {
      let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
      guard let latest = revisions.first else { return [] }
      let record: HelmReleaseRecord?
      do throws(RuntimeFailure) {
        record = try await runtime.releases.summary(latest)
      } catch {
        guard error.isOfUnreadableRelease else { throw error }
        if try await removesUnreadable(latest, among: revisions, error) { continue }
        return revisions
      }
      // Helm goes by what the Secret holds; its label is what others see.
      guard let record, latest.status.isPending || record.revision.status.isPending else {
        // One that somebody else's Helm overtook.
        for older in revisions.dropFirst() where older.status.isPending {
          let description = try await runtime.releases.summary(older)?.description ?? ""
          if isAbandoned(older, among: revisions, description: description) { try await release(older, older.status) }
        }
        files.forgetRun()
        return revisions
      }
      let isAbandoned = isAbandoned(latest, among: revisions, description: record.description)
      if isAbandoned {
        try await release(latest, record.revision.status)
      } else if !isAnnounced {
        isAnnounced = true
        await progress(
          Progress(
            step: .preparing, done: 0, total: 0,
            message:
              "waiting for a Helm that somebody else runs: revision \(latest.number) is "
              + record.revision.status.rawValue
          ))
      }
      guard deadline.remaining() > .zero else {
        throw RuntimeFailure(
          kind: .transient, reason: "HelmBusy",
          message: "Somebody else's Helm works on release \(target.name): revision \(latest.number) is "
            + record.revision.status.rawValue)
      }
      do { try await runtime.clock.sleep(for: isAbandoned ? .milliseconds(200) : .seconds(2)) } catch { throw .stopped }
    }
  }

  private func isAbandoned(
    _ revision: RevisionLabel, among revisions: [RevisionLabel], description: String
  ) -> Bool {
    PendingRevision(
      revision, among: revisions, description: description, unfinished: files.unfinishedRun, now: runtime.now()
    ).isAbandoned(after: target.timeout)
  }

  private func release(
    _ revision: RevisionLabel, _ status: HelmObservation.Status
  ) async throws(RuntimeFailure) {
    runtime.logger.notice(
      "Releasing a Helm revision that was left in the middle",
      metadata: ["release": .string(target.name), "revision": "\(revision.number)"])
    let hasEnded = files.unfinishedRun?.hasEnded == true
    try await runtime.releases.release(
      revision,
      because: hasEnded
        ? HelmReleaseRecord.unfinishedDescription(status) : HelmReleaseRecord.interruptedDescription(status))
  }

  /// A Secret that holds no release, or one too large for the Agent. Helm passes over what it cannot read, and then fails
  /// to make the next revision under that very number.
  /// - Returns: true where the Secret was in Helm's way, and is gone.
  private func removesUnreadable(
    _ revision: RevisionLabel, among revisions: [RevisionLabel], _ problem: RuntimeFailure
  ) async throws(RuntimeFailure) -> Bool {
    let isInTheWay =
      revision.status.isPending
      ? isAbandoned(revision, among: revisions, description: "") : try await !isReadByHelm(revision)
    guard isInTheWay else { return false }
    runtime.logger.error(
      "Removing the Secret of a Helm revision that nobody can read, so that the next one can be made",
      metadata: ["release": .string(target.name), "secret": "\(revision.secret)", "error": .string(problem.message)])
    try await runtime.releases.remove(revision)
    return true
  }

  private func isReadByHelm(_ revision: RevisionLabel) async throws(RuntimeFailure) -> Bool {
    switch try await ask(command.historyArguments(release: target.name, namespace: target.namespace)) {
    case .success(let output):
      let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
      let history = try? JSONValue(parsing: String(lines.first { $0.hasPrefix("[") } ?? ""))
      guard let history = history?.array else { return true }
      return history.contains { $0["revision"]?.integer == revision.number }
    case .failure(let refused):
      if refused.text.contains("release: not found") { return false }
      throw HelmFault.failure(refused.text, mask: SecretMask(values: [])).failure
    }
  }

  // MARK: Helm

  /// - Parameters:
  ///   - secrets: what must not be reported besides what the release's Secrets hold now.
  ///   - images: all that may run; nil where nobody says.
  func rollout(
    after revisions: [RevisionLabel], secrets: [String] = [], images: SignedImages? = nil
  ) async throws(RuntimeFailure) -> HelmRollout {
    var secrets = secrets
    if let latest = revisions.first, let (_, manifest) = try await runtime.releases.readable(latest) {
      secrets += manifest.secretTexts
    }
    return HelmRollout(
      runtime: runtime, target: target, deadline: deadline, base: revisions.first?.number ?? 0,
      mask: SecretMask(values: secrets), images: images, progress: progress)
  }

  /// Runs helm while the rollout is watched, which may end it early.
  /// - Parameter failsFast: see `HelmRollout.earlyFailure`.
  /// - Throws: what is no fault of what was to be deployed.
  func run(
    _ arguments: [String], for purpose: HelmRun.Purpose, _ rollout: HelmRollout, failsFast: Bool = true,
    holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> RunOutcome {
    try await rollout.begin()
    var run = HelmRun(base: rollout.base, purpose: purpose)
    try files.note(run)
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
    let watching = Task { [run] in
      // Once Helm has ended by itself its own word counts.
      guard let failure = await rollout.earlyFailure(of: run, failsFast: failsFast), !Task.isCancelled else { return }
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
    if case .success(let result) = outcome, case .exited = result.status {
      if result.status.isSuccess {
        files.forgetRun()
        return .succeeded
      }
      // Helm may have been unable to write down its own end.
      run.hasEnded = true
      try files.note(run)
    }
    if let failure = verdict.withLock({ $0 }) {
      if failure.kind != .permanent { throw failure }
      return .failed(failure, isWorkloads: true)
    }
    let (failure, mayBeWorkload) = try Self.failure(outcome, command, target, mask: rollout.mask)
    if let interference = try await rollout.interference(with: run) { throw interference }
    let told = mayBeWorkload ? await rollout.explained(failure) : failure
    if told.kind != .permanent { throw told }
    return .failed(told, isWorkloads: mayBeWorkload)
  }

  private static func failure(
    _ outcome: Result<ProcessResult, ProcessError>, _ command: HelmCommand, _ target: RuntimeTarget, mask: SecretMask
  ) throws(RuntimeFailure) -> (failure: RuntimeFailure, mayBeWorkload: Bool) {
    switch outcome {
    case .success(let result):
      if case .killed(let signal) = result.status {
        throw RuntimeFailure(
          kind: .transient, reason: "HelmInterrupted", message: "Helm was killed by signal \(signal)")
      }
      let (failure, isTimedOut) = HelmFault.failure(result.standardError.text, mask: mask)
      return (failure, isTimedOut)
    case .failure(.cancelled): throw .stopped
    case .failure(.timedOut):
      return (
        RuntimeFailure(
          kind: .permanent, reason: "Timeout",
          message: "Helm had not ended after \(DurationText(target.timeout))"), true
      )
    case .failure(let error):
      throw RuntimeFailure(
        kind: .transient, reason: "HelmUnusable", message: "\(command.executable) could not be run: \(error)")
    }
  }
}
