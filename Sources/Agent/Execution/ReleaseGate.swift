import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import WireFormats

/// A release that may be deployed.
struct AdmittedRelease: Sendable {
  /// What the vendor signed of it; nil where this Agent deploys what nobody signed.
  var verified: VerifiedManifest?
  /// The envelope.
  var text: String?

  var assurance: ReleaseAssurance {
    verified.map { .signed(by: $0.signers.sorted().map(\.short)) } ?? .unsigned
  }
}

/// Decides whether a release may be deployed, before anything of it is downloaded and anything here is touched.
struct ReleaseGate: Sendable {
  let memory: AgentMemory
  let now: @Sendable () -> Timestamp

  /// - Throws: a permanent failure with the reason why it may not.
  func admit(_ plan: ReleasePlan, for object: DesiredDeployment) async throws(RuntimeFailure) -> AdmittedRelease {
    let isReturn = plan.revision != nil
    switch try await memory.trust() {
    case .unsigned:
      if !isReturn { try ReleaseAgreement.checkSettings(of: object.spec) }
      return AdmittedRelease()
    case .damaged(let message):
      throw RuntimeFailure(kind: .transient, reason: "TrustMemoryDamaged", message: message)
    case .root(let known, let root):
      let verification: ReleaseVerification
      let running = try await running(object, known, root)
      var admitted: AdmittedRelease?
      do throws(TrustError) {
        verification = try ReleaseVerification(memory: known, now: now())
        if !isReturn { admitted = try admitDesired(plan, for: object, from: running, verification) }
      } catch {
        // The planner lets new releases wait meanwhile; a status that says the release was begun already does not help.
        if error.reason == .stale {
          throw RuntimeFailure(kind: .transient, reason: error.reason.rawValue, message: error.message)
        }
        throw Self.refusal(error)
      }
      guard let admitted else { return try await admitReturn(plan, for: object, from: running, verification) }
      try ReleaseAgreement.checkSettings(of: object.spec)
      return admitted
    }
  }

  private func admitDesired(
    _ plan: ReleasePlan, for object: DesiredDeployment, from running: String?, _ verification: ReleaseVerification
  ) throws(TrustError) -> AdmittedRelease {
    // What is to run once more has run here already.
    let runsHere =
      plan.release.releaseManifestSha256 != nil
      && object.status?.current?.release.releaseManifestSha256 == plan.release.releaseManifestSha256
    let verified = try verification.check(
      object.spec.manifest, for: object.trustTarget, runsHere ? .rollback : .deployment)
    try ReleaseAgreement.check(object.spec, verified.manifest)
    if !runsHere { try ReleaseAgreement.checkUpgrade(from: running, to: verified.manifest) }
    if !runsHere, let staleness = try verification.staleness() { throw TrustError(.stale, staleness.message) }
    return AdmittedRelease(verified: verified, text: object.spec.manifest)
  }

  /// The version that a release would follow; nil for a first installation.
  ///
  /// Where this Agent has no account of the record, the newest that it accepted for the target: a server that gives the record
  /// another uid makes no first installation of it.
  private func running(
    _ object: DesiredDeployment, _ known: TrustMemory, _ root: TrustRoot
  ) async throws(RuntimeFailure) -> String? {
    if let version = object.status?.current?.version { return version }
    guard let accepted = known.highest(for: object.trustTarget, under: root),
      let text = try await memory.manifest(accepted.manifest)
    else { return nil }
    return Self.kept(text)?.manifest.version
  }

  /// A return that somebody has asked for. `plan` is out of this Agent's own account of what it deployed.
  private func admitReturn(
    _ plan: ReleasePlan, for object: DesiredDeployment, from running: String?, _ verification: ReleaseVerification
  ) async throws(RuntimeFailure) -> AdmittedRelease {
    let title = "\(plan.release.version) (revision \(plan.revision?.number ?? 0))"
    guard let digest = plan.release.releaseManifestSha256 else {
      throw ArtifactVerification.refusal(
        .rollbackRefused,
        "\(title) was deployed here before this Agent had a trust root, so that nothing says who made it: deploy a signed release"
      )
    }
    guard let text = try await memory.manifest(digest) else {
      throw ArtifactVerification.refusal(
        .rollbackRefused,
        "the manifest of \(title) is no longer kept here: set spec.version with its artifact and manifest instead")
    }
    do throws(TrustError) {
      let verified = try verification.check(text, for: object.trustTarget, .rollback)
      try ReleaseAgreement.checkUpgrade(from: running, to: verified.manifest)
      return AdmittedRelease(verified: verified, text: text)
    } catch {
      throw Self.refusal(error)
    }
  }

  /// Why what was deployed last is revoked, as half a sentence; nil where it is not, or nobody signs.
  func revocation(
    of manifest: String?, for object: DesiredDeployment
  ) async throws(RuntimeFailure) -> String? {
    guard let manifest, case .root(let known, let root) = try await memory.trust() else { return nil }
    if let revocation = known.revocation(of: manifest, for: object.trustTarget, under: root) { return revocation }
    guard !known.remembers(manifest, for: object.trustTarget), let text = try await memory.manifest(manifest) else {
      return nil
    }
    // It was accepted so long ago that who had signed it is told by nothing but itself.
    do throws(TrustError) {
      _ = try VerifiedManifest(checking: text, under: root)
      return nil
    } catch {
      return error.reason == .revoked ? "it is revoked: \(error.message)" : nil
    }
  }

  /// Asked once more just before something is started: a root may have come since that was decided.
  func checkIsNotRevoked(_ plan: ReleasePlan, for object: DesiredDeployment) async throws(RuntimeFailure) {
    guard let revocation = try await revocation(of: plan.release.releaseManifestSha256, for: object) else { return }
    throw ArtifactVerification.refusal(.rollbackRefused, "\(plan.release.version) is not started: \(revocation)")
  }

  /// As above, for a release that is about to be deployed.
  func checkIsNotRevoked(
    _ release: VerifiedManifest, for object: DesiredDeployment
  ) async throws(RuntimeFailure) {
    guard let revocation = try await revocation(of: release.digest, for: object) else { return }
    throw Self.refusal(
      TrustError(.revoked, "\(release.manifest.version) is not deployed: \(revocation). Take a newer release"))
  }

  /// What the vendor signed of a release that this Agent ran a moment ago, and to which it returns by itself, or which it puts
  /// right: that is allowed whatever has expired since, unless it was revoked (`checkIsNotRevoked`).
  /// - Returns: nil where this Agent deploys what nobody signed, or did when it deployed this.
  /// - Throws: where the manifest is not to be had, so that nothing would say what may run.
  func known(_ plan: ReleasePlan, for object: DesiredDeployment) async throws(RuntimeFailure) -> Manifest? {
    if case .unsigned = try await memory.trust() { return nil }
    // It ran before there was a root, and goes on running until a signed release takes its place.
    guard let digest = plan.release.releaseManifestSha256 else { return nil }
    for text in [try await memory.manifest(digest), object.spec.manifest] {
      guard let text, let kept = Self.kept(text), kept.digest == digest else { continue }
      return kept.manifest
    }
    throw ArtifactVerification.refusal(
      .rollbackRefused,
      "the manifest of \(plan.release.version) is no longer kept here, so that nothing says what may run of it: deploy a signed "
        + "release")
  }

  /// What an envelope says whose signatures were checked when it was accepted; nil where it cannot be read.
  private static func kept(_ text: String) -> (digest: String, manifest: Manifest)? {
    guard let envelope = try? Envelope(parsing: Array(text.utf8), expecting: .release),
      let manifest = try? Manifest(payload: envelope.payload)
    else { return nil }
    return (envelope.payloadSHA256, manifest)
  }

  /// Remembers what is about to be deployed, so that nothing older is taken afterwards.
  func accept(_ admitted: AdmittedRelease, for object: DesiredDeployment) async throws(RuntimeFailure) {
    guard let verified = admitted.verified, let text = admitted.text else { return }
    try await memory.accept(verified, text: text, for: object.trustTarget)
  }

  static func refusal(_ error: TrustError) -> RuntimeFailure {
    RuntimeFailure(kind: .permanent, reason: error.reason.rawValue, message: error.message)
  }
}

extension DesiredDeployment {
  /// Under which an Agent remembers how far the releases of one environment have come.
  var trustTarget: String {
    switch spec.runtime {
    case .compose: "Compose/\(spec.targetName ?? "")"
    case .helm: "Helm/\(key.namespace)/\(spec.targetName ?? "")"
    }
  }
}
