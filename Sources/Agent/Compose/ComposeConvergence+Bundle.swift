import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import Files
import FoundationEssentials
import Processes
import ReleaseManifest
import Threads
import Timing
import WireFormats
import YAMLDocuments

/// The part of a convergence that sees to the bundle's files.
extension ComposeConvergence {
  struct Resolved: Sendable {
    var file: JSONValue
    var services: [ComposeService]
    var mounts: BundleMounts
    var warnings: [String]
  }

  /// - Returns: the bundle, and the `.env` that lies beside its Compose file: the release's, or its own.
  func readBundle() throws(RuntimeFailure) -> (ComposeBundle, settings: String?) {
    if let problem = settings.problem {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidSettings",
        message: "The settings file \(release.release.configPath ?? ".env") \(problem)")
    }
    var bundle = bundle
    try RuntimeFailure.mapping { () throws(BundleFault) in try bundle.select(settings) }
    let path = "\(bundle.root)/\(ComposeBundle.environmentFile)"
    if let configFile = release.configFile {
      // Services that name it as their `env_file` find it. It is linked, so that no second copy has to be overwritten.
      try ProjectDirectory.attempt("link the settings to \(path)") {
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: configFile)
      }
      return (bundle, configFile)
    }
    return (bundle, bundle.ownEnvironmentFile)
  }

  /// Lays the bundle into the project's folder.
  /// - Parameter previous: the containers that are there; of an earlier version of the Agent their files are elsewhere.
  /// - Returns: with the labels by which a container shows which files it was made with.
  func lay(
    _ bundle: ComposeBundle, settings: String?, _ mounts: BundleMounts, _ previous: [EngineContainer]
  ) async throws(RuntimeFailure) -> (ProjectDirectory.Installation, [BundleLayout.Note], [String: String]) {
    let (directory, now) = (directory, SystemTime.now().microseconds / 1_000_000)
    return try await onOwnThread { () throws(RuntimeFailure) in
      try directory.adopt(previous)
      let (installation, notes) = try directory.lay(bundle, settings: settings, mounts: mounts, now: now)
      let files = try directory.files(of: bundle, settings: settings, mounts: mounts)
      return (installation, notes, mounts.labels(for: files, key: try directory.contentKey()))
    }
  }

  /// Has Compose read the bundle where it was unpacked.
  func resolve(
    _ unpacked: ProjectDirectory.Installation, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> Resolved {
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "reading the Compose file"))
    let outcome = try await compose(
      command.configArguments, in: unpacked, files: unpacked.composeFiles, holding: lock,
      waitingFor: "the Compose file to be read")
    let words = outcome.standardError.text
    guard outcome.status.isSuccess else { throw fault(.config, [], mask(for: [])).failure(words) }
    let file = try command.resolved(outcome.standardOutput.bytes)
    var services = ComposeService.services(of: file)
    guard !services.isEmpty else {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidComposeFile", message: "The bundle's Compose file names no service")
    }
    // `up` starts every container that has ended, also that of a job that has done its work. Of a service without
    // containers it starts none, and what depends on it does not wait for it.
    for index in services.indices where target.finishedJobs.contains(services[index].name) {
      services[index].replicas = 0
    }
    let unset = ComposeWarnings.unsetVariables(in: words)
    if let service = services.first(where: { $0.image.map { !ImageReference($0).isComplete } ?? false }) {
      throw incompleteImage(of: service, unpacked, unset)
    }
    return Resolved(
      file: file, services: services, mounts: BundleMounts(of: file, folder: unpacked.folder),
      warnings: ComposeWarnings.texts(in: words, settings: settings, mask: mask(for: services)))
  }

  private func incompleteImage(
    of service: ComposeService, _ unpacked: ProjectDirectory.Installation, _ unset: [String]
  ) -> RuntimeFailure {
    // As the bundle writes it, it names the variables; where it does not say, any that is not set may be meant.
    let written = unpacked.composeFiles.reversed().lazy.compactMap { path -> String? in
      let bytes = FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
      return (try? YAMLStream.parse(bytes, file: path))?.first?.value["services"]?[service.name]?["image"]?.string
    }.first
    let named = unset.filter { variable in
      ["$\(variable)", "${\(variable)"].contains { written?.contains($0) ?? false }
    }
    let variables = (named.isEmpty ? unset : named).joined(separator: ", ")
    let cause = variables.isEmpty ? "" : ", because \(variables) has no value: add the tag to spec.imageTags"
    return RuntimeFailure(
      kind: .permanent, reason: "ImageTagMissing",
      message: "The image \"\(service.image ?? "")\" of service \(service.name) is not complete\(cause)")
  }

  func text(_ note: BundleLayout.Note) -> String {
    switch note {
    case .kept(let path):
      "\(directory.folder)/\(path) was changed by a container that may write to it, and is kept; the release's is not used"
    case .setAside(let path):
      "\(directory.folder)/\(path) held something else than what a release brought; that now lies in "
        + directory.setAsideFolder
    case .left(let path):
      "\(directory.folder)/\(path) is not part of the release any more, but was changed, and is left"
    }
  }
}
