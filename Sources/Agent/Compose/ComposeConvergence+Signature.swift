import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest

/// The part of a convergence that sees to it that only runs what the vendor signed, where there is a manifest.
extension ComposeConvergence {
  /// Before Compose reads anything: it fetches what a Compose file includes.
  func checkSources(_ bundle: ComposeBundle) throws(RuntimeFailure) {
    guard release.manifest != nil else { return }
    let name = release.release.configPath ?? ComposeBundle.environmentFile
    // The bundle's own are signed with it.
    if release.configFile != nil, let refusal = UnsignedSettings.refusal(of: settings, named: name) {
      throw RuntimeFailure(refusal)
    }
    try RuntimeFailure.mapping { () throws(BundleFault) in
      try ComposeReferences(bundle).check(bundle.composeFiles)
    }
  }

  /// - Returns: the image of each service; nil where there is no manifest.
  func signedImages(of resolved: Resolved) throws(RuntimeFailure) -> SignedServices.Selection? {
    guard let manifest = release.manifest else { return nil }
    if let refusal = UnsignedCode.refusal(of: resolved.file) { throw RuntimeFailure(refusal) }
    return try SignedServices(manifest: manifest).selection(for: resolved.services, pinned: release.pinnedImages)
  }

  /// Under what to ask the engine for an image: another name where it has it under that alone, as what was loaded from a file.
  func localName(of choice: SignedServices.Choice, unless reference: String) async throws(RuntimeFailure) -> String {
    if try await runtime.engine.image(reference) != nil { return reference }
    for name in choice.localNames where try await runtime.engine.image(name) != nil { return name }
    return reference
  }

  /// Compares what was started with what was signed.
  func check(_ containers: [EngineContainer], _ signed: SignedServices.Selection?) async throws(RuntimeFailure) {
    guard let signed else { return }
    for container in containers where !container.isOneOff && container.state == .running {
      guard let choice = signed.choices[container.service], !choice.image.covers(container.imageID),
        let image = try await runtime.engine.image(container.imageID)
      else { continue }
      try SignedServices.check(image, as: choice, of: container.service)
    }
  }
}
