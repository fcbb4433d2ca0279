import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest

/// Whether a record asks for what the vendor signed, and for nothing else.
enum ReleaseAgreement {
  /// - Throws: `disagreement`, naming the first field that says something else.
  static func check(_ spec: DesiredDeploymentSpec, _ manifest: Manifest) throws(TrustError) {
    let title = "the manifest of \(manifest.version)"
    guard spec.version == manifest.version else {
      throw refusal("spec.version is \(spec.version ?? "not set"), and the manifest is of \(manifest.version)")
    }
    let runtime: Manifest.Runtime = spec.runtime == .helm ? .helm : .compose
    guard let artifact = manifest.artifact(for: runtime) else {
      throw refusal("\(title) names no artifact for \(spec.runtime.rawValue)")
    }
    guard spec.artifact?.sha256 == artifact.sha256 else {
      throw refusal(
        "spec.artifact.sha256 is \(spec.artifact?.sha256 ?? "not set"), and \(title) names \(artifact.sha256) for "
          + "\(spec.runtime.rawValue)")
    }
    let tags = spec.imageTags ?? [:]
    for service in Set(tags.keys).union(manifest.imageTags.keys).sorted()
    where tags[service] != manifest.imageTags[service] {
      throw refusal(
        "spec.imageTags has \(tags[service] ?? "nothing") for \(service), and \(title) "
          + "\(manifest.imageTags[service] ?? "nothing")")
    }
    for setting in spec.newNonEssentialEnvs ?? [] {
      guard let signed = manifest.settings.first(where: { $0.key == setting.key }) else {
        throw refusal("spec.newNonEssentialEnvs has \(setting.key), which \(title) does not bring")
      }
      guard signed.value == setting.value else {
        throw refusal("spec.newNonEssentialEnvs has another value for \(setting.key) than \(title)")
      }
    }
  }

  /// Whether a release may take the place of the version that runs; nil for a first installation.
  /// - Throws: `versionTooLow`.
  static func checkUpgrade(from running: String?, to manifest: Manifest) throws(TrustError) {
    guard let running, let minimum = manifest.ruleset.minimumVersion, let oldest = SemanticVersion(minimum) else {
      return
    }
    guard let version = SemanticVersion(running) else {
      throw TrustError(
        .versionTooLow,
        "\(manifest.version) may be deployed from \(minimum) on, and \(running), which runs here, is not a version that could "
          + "be compared: deploy \(minimum) first")
    }
    guard version < oldest else { return }
    throw TrustError(
      .versionTooLow,
      "\(manifest.version) may be deployed from \(minimum) on, and \(running) runs here: deploy \(minimum) or a later release "
        + "below \(manifest.version) first")
  }

  /// What no release may bring, whoever has signed it.
  static func checkSettings(of spec: DesiredDeploymentSpec) throws(RuntimeFailure) {
    guard let setting = (spec.newNonEssentialEnvs ?? []).first(where: { LoaderVariable.isOne($0.key) }) else { return }
    throw ArtifactVerification.refusal(
      .settingRefused, "spec.newNonEssentialEnvs has \(setting.key), which \(LoaderVariable.refusal)")
  }

  private static func refusal(_ text: String) -> TrustError {
    TrustError(.disagreement, "\(text): take all of spec from the same release")
  }
}
