import Cryptography
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Logging
import Processes
import ReleaseManifest
import ResourceClient
import ResourceModel
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// One change of one release: an upgrade, a rollback, a correction or an uninstallation. An upgrade:
///
/// ```
/// lock ─▶ recovered ─▶ judge ─▶ run helm ──────────▶ completed ─▶ RunningRelease
///          │            │        │  │  │              ├ own: the newest revision is the one that was wanted
///          │            │        │  │  │              ├ leftovers of failed versions are removed
///          │            │        │  │  │              └ finished: everything is ready, and seen to be
///          │            │        │  │  └ helm fails: explained, by what the workloads lack
///          │            │        │  └ the rollout cannot succeed: helm is ended early (`HelmRollout.earlyFailure`)
///          │            │        └ somebody else uses Helm: interference, tried again
///          │            └ what the chart renders is not what the vendor signed: refused, nothing was touched
///          └ a pending revision: released where it is abandoned (`PendingRevision`), otherwise waited for
/// ```
///
/// A release that holds this Agent's own workload is upgraded in two such runs: first all but the Agent, then the Agent.
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

  var files: HelmFiles {
    HelmFiles(workingDirectory: runtime.configuration.workingDirectory, target: target)
  }

  // MARK: Changes

  /// Makes the release run `release`, and waits until it is healthy.
  func upgrade(to release: PreparedRelease) async throws(RuntimeFailure) -> RunningRelease {
    let lock = try await lock()
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "reading the chart"))
    let chart = try HelmChart(folder: release.folder)
    let values = try await HelmValues.read(
      release, namespace: target.namespace, folder: release.workFolder,
      trustsSources: runtime.configuration.trustsValuesSources, client: runtime.client)
    defer { values.erase() }
    let revisions = try await recovered()
    let images = release.manifest.map { SignedImages($0) }
    let rollout = try await rollout(after: revisions, secrets: values.secrets, images: images)
    defer { rollout.stop() }
    let description = Self.description(
      of: release.release, values: values.digest, imageDigests: images?.digestValues ?? [:])
    let deployed = try await deployedDescription(revisions)
    let wanted = WantedRevision(.description(description))
    if deployed == description {
      // An Agent that was killed, or the one before this, had come this far.
      return try await completed(wanted, rollout, isKnownGood: false)
    }
    let version = release.release.version
    var upgrade = HelmCommand.Upgrade(
      release: target.name, namespace: target.namespace, chart: chart.folder, valueFiles: values.files,
      imageTags: release.release.imageTags ?? [:], imageDigests: images?.digestValues ?? [:],
      timeout: deadline.remaining(), historyMax: runtime.configuration.historyMax, description: description,
      operation: Self.newOperation())
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "rendering the chart"))
    try await judge(upgrade, images: images, values, folder: release.workFolder, mask: rollout.mask)
    upgrade.timeout = deadline.remaining()
    let own = try await OwnWorkload.find(
      podName: runtime.configuration.podName, of: target, client: runtime.client)
    let ownImage = own.flatMap { images?.image(startedAs: $0.image) }
    guard let own, let newTag = upgrade.imageTags[OwnWorkload.service], !own.runs(newTag, ownImage) else {
      await progress(
        Progress(step: .upgrading, done: 0, total: 0, message: "helm upgrade to \(version) has begun"))
      try await run(upgrade, rollout, holding: lock)
      return try await completed(wanted, rollout, isKnownGood: false)
    }
    let firstPart = "\(description), all but the Agent"
    if deployed != firstPart {
      await progress(
        Progress(
          step: .upgrading, done: 0, total: 0, message: "helm upgrade to \(version) has begun; the Agent comes last"))
      var first = upgrade
      first.imageTags[OwnWorkload.service] = own.imageTag
      if let value = ownImage?.digestValue { first.imageDigests[value] = own.digest ?? "" }
      first.description = firstPart
      rollout.keep(own.image)
      try await judge(
        first, images: images?.keeping(own.image), values, folder: release.workFolder, mask: rollout.mask)
      try await run(first, rollout, holding: lock)
      _ = try await rollout.own(WantedRevision(.description(firstPart)))
    }
    await progress(
      Progress(
        step: .replacingAgent, done: 0, total: 1, message: "everything else runs; the Agent is replaced by \(newTag)"))
    upgrade.isWaiting = false
    upgrade.operation = Self.newOperation()
    upgrade.timeout = deadline.remaining()
    let last = try await self.rollout(
      after: try await runtime.releases.revisions(release: target.name, namespace: target.namespace),
      secrets: values.secrets, images: images)
    defer { last.stop() }
    try await run(upgrade, last, holding: lock)
    return try await handOver(to: last, wanted)
  }

  /// Waits for the new Agent. Once that is ready this one is asked to stop, and then leaves the rest to it at once.
  private func handOver(
    to rollout: HelmRollout, _ wanted: WantedRevision
  ) async throws(RuntimeFailure) -> RunningRelease {
    let outcome: Result<RunningRelease, RuntimeFailure>? = await cancelWhenGracefulShutdown {
      do throws(RuntimeFailure) {
        return .success(try await completed(wanted, rollout, isKnownGood: false))
      } catch {
        return .failure(error)
      }
    }
    guard let outcome else { throw .stopped }
    return try outcome.get()
  }

  private func run(
    _ upgrade: HelmCommand.Upgrade, _ rollout: HelmRollout, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) {
    let purpose = HelmRun.Purpose.upgrade(operation: command.hasLabels ? upgrade.operation : nil)
    if case .failed(let failure, _) = try await run(command.arguments(upgrade), for: purpose, rollout, holding: lock) {
      throw failure
    }
  }

  /// Waits until what helm has deployed runs in full health, and looks after what failed versions left beside it.
  func completed(
    _ wanted: WantedRevision, _ rollout: HelmRollout, isKnownGood: Bool
  ) async throws(RuntimeFailure) -> RunningRelease {
    let own = try await rollout.own(wanted)
    let remnants = try await Leftovers(runtime: runtime, target: target).removed(by: own)
    var running = try await rollout.finished(wanted, isKnownGood: isKnownGood)
    running.remnants = remnants + (isKnownGood ? try await grownClaims(own.manifest) : [])
    return running
  }

  /// Claims that a later version or somebody has made larger.
  private func grownClaims(_ manifest: RenderedManifest) async throws(RuntimeFailure) -> [String] {
    let claims = manifest.objects.filter(\.isVolumeClaim)
    return zip(claims, try await runtime.cluster.live(claims)).compactMap { claim, live in
      claim.grownSize(live).map { "\(claim.title) keeps its \($0), for no claim becomes smaller" }
    }
  }

  func uninstall() async throws(RuntimeFailure) {
    let lock = try await lock()
    await progress(
      Progress(step: .uninstalling, done: 0, total: 1, message: "removing the Helm release \(target.name)"))
    let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    if revisions.isEmpty { return files.forgetRun() }
    let rollout = try await rollout(after: revisions)
    defer { rollout.stop() }
    let arguments = command.uninstallArguments(
      release: target.name, namespace: target.namespace, timeout: deadline.remaining())
    let outcome = try await run(arguments, for: .uninstall, rollout, holding: lock)
    let left = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    switch outcome {
    case .failed(let failure, _):
      // Somebody else was faster, or the namespace ends and takes Helm's Secrets with it.
      guard left.isEmpty, failure.message.contains("release: not found") else { throw failure }
    case .succeeded:
      if let latest = left.first { throw .interference(target.name, latest, nil, after: "the Agent uninstalled it") }
    }
    files.forgetRun()
  }

  /// What Helm's history says of the newest revision; nil where that is not deployed.
  private func deployedDescription(_ revisions: [RevisionLabel]) async throws(RuntimeFailure) -> String? {
    guard let latest = revisions.first, latest.status == .deployed else { return nil }
    return try await runtime.releases.readable(latest)?.0.description
  }

  /// Stands in Helm's history of a deployed revision, and tells whether it is just this release with just these settings.
  private static func description(
    of release: DesiredDeploymentStatus.Release, values: String, imageDigests: [String: String]
  ) -> String {
    func lines(_ pairs: [String: String]) -> [String] {
      pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
    let parts = [release.artifact.sha256, values] + lines(release.imageTags ?? [:]) + lines(imageDigests)
    let digest = SHA256.digest(of: Array(parts.joined(separator: "\n").utf8)).hexadecimal
    return "\(ownDescription)\(release.version) (\(digest.prefix(16)))"
  }

  /// So begin the descriptions of the revisions that an Agent deployed.
  static let ownDescription = "wrktalk-agent: "

  private static func newOperation() -> String { Hexadecimal.encode(SecureRandom.bytes(count: 8)) }
}
