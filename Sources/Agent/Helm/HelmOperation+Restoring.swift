import DeploymentKinds
import DeploymentPlanning
import Logging
import Timing

extension HelmOperation {
  /// Brings back a revision that Helm still has.
  /// - Returns: nil where it has none of that number and content, or where its rollback cannot succeed: the release is then
  ///   to be deployed again.
  func restore(
    _ reference: RevisionReference, purpose: RestorePurpose
  ) async throws(RuntimeFailure) -> RunningRelease? {
    let lock = try await lock()
    let revisions = try await recovered()
    guard let latest = revisions.first else { return nil }
    let rollout = try await rollout(after: revisions)
    defer { rollout.stop() }
    let newest = try await runtime.releases.readable(latest)
    if let (record, _) = newest, Self.isSame(record, reference) {
      if record.revision.status == .deployed {
        let wanted = WantedRevision(.manifest(record.revision.manifestSha256))
        await progress(Progress(step: .preparing, done: 0, total: 0, message: "looking for what was changed"))
        try await correctObjects(latest)
        return try await completed(wanted, rollout, isKnownGood: true)
      }
      if record.hasFailed, latest.number != reference.number {
        return try await completedByHand(latest, record, reference.number, rollout)
      }
    }
    guard let kept = revisions.first(where: { $0.number == reference.number }), Self.canReturn(to: kept.status),
      let (record, manifest) = try await runtime.releases.readable(kept), reference.names(record.revision),
      try await canRollBack(to: manifest, from: newest?.1)
    else { return nil }
    await progress(
      Progress(step: .rollingBack, done: 0, total: 0, message: "helm rollback to revision \(kept.number) has begun"))
    let arguments = command.rollbackArguments(
      release: target.name, namespace: target.namespace, revision: kept.number, timeout: deadline.remaining(),
      historyMax: runtime.configuration.historyMax, runsHooks: purpose == .rollback)
    switch try await run(arguments, for: .rollback(to: kept.number), rollout, failsFast: false, holding: lock) {
    case .succeeded:
      return try await completed(
        WantedRevision(.manifest(record.revision.manifestSha256)), rollout, isKnownGood: true)
    case .failed(let failure, let isWorkloads):
      guard let left = try await recovered().first, let (made, _) = try await runtime.releases.readable(left),
        made.hasFailed, made.revision.manifestSha256 == record.revision.manifestSha256
      else { return nil }
      // Where Helm has done all it could, doing it once more would change nothing.
      if isWorkloads, try await drifted(left).isEmpty { throw failure }
      runtime.logger.warning(
        "Helm cannot roll back; the Agent brings the release back in another way",
        metadata: ["release": .string(target.name), "error": .string(failure.message)])
      if purpose == .rollback, made.hooks.contains(where: { $0.events.contains("pre-rollback") }) { return nil }
      return try await completedByHand(left, made, kept.number, rollout)
    }
  }

  /// Whether a revision deploys what the reference names, under its number or another.
  private static func isSame(_ record: HelmReleaseRecord, _ reference: RevisionReference) -> Bool {
    if reference.manifestSha256 != nil { return reference.isContent(of: record.revision) }
    return reference.names(record.revision)
      || record.description == HelmReleaseRecord.rollbackDescription(of: reference.number)
  }

  private static func canReturn(to status: HelmObservation.Status) -> Bool {
    switch status {
    case .deployed, .superseded, .uninstalled: true
    case .unknown, .failed, .uninstalling, .pendingInstall, .pendingUpgrade, .pendingRollback: false
    }
  }

  /// False where Helm would find an object that it does not expect: one that the newest revision has no more, which failed
  /// before it was removed. Helm refuses to take that up again, and would only add a failed revision.
  private func canRollBack(
    to manifest: RenderedManifest, from newest: RenderedManifest?
  ) async throws(RuntimeFailure) -> Bool {
    guard let newest else { return true }
    let known = Set(newest.objects.map(\.identity))
    let dropped = manifest.objects.filter { !known.contains($0.identity) }
    return try await runtime.cluster.live(dropped).allSatisfy { $0 == nil }
  }

  /// Does object by object what a rollback by Helm came not to the end of, and says so in Helm's history. Another rollback
  /// would fail like the first, and each would add a revision.
  private func completedByHand(
    _ revision: RevisionLabel, _ record: HelmReleaseRecord, _ goal: Int64, _ rollout: HelmRollout
  ) async throws(RuntimeFailure) -> RunningRelease {
    await progress(
      Progress(
        step: .rollingBack, done: 0, total: 0, message: "completing what Helm's rollback did not come to the end of"))
    try await correctObjects(revision)
    let wanted = WantedRevision(.manifest(record.revision.manifestSha256), includesFailed: true)
    var running = try await completed(wanted, rollout, isKnownGood: true)
    let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    guard revisions.first?.number == revision.number else {
      throw .interference(
        target.name, revisions.first, nil, after: "the Agent brought revision \(revision.number) back")
    }
    for older in revisions.dropFirst() where older.status == .deployed {
      try await runtime.releases.mark(older, .superseded, because: nil)
    }
    try await runtime.releases.mark(
      revision, .deployed,
      because: "\(HelmReleaseRecord.rollbackDescription(of: goal)), completed by wrktalk-agent object by object")
    running.revision = RevisionReference(revision.number, manifestSha256: record.revision.manifestSha256)
    return running
  }

  /// Applies the objects of the deployed revision that differ from its manifest.
  func correctObjects(_ revision: RevisionLabel) async throws(RuntimeFailure) {
    let drifted = try await drifted(revision)
    var done = 0
    try await runtime.drift.correct(drifted, of: target) { one in
      await progress(
        Progress(
          step: .starting, done: done, total: drifted.count,
          message: "applying \(one.object.title) as it was deployed"))
      done += 1
    }
  }

  private func drifted(_ revision: RevisionLabel) async throws(RuntimeFailure) -> [DriftCheck.Drifted] {
    guard let (_, manifest) = try await runtime.releases.record(revision) else { return [] }
    let live = try await runtime.cluster.live(manifest.objects)
    return try await runtime.drift.drifted(manifest, live: live, of: target, revision: revision.number)
  }
}
