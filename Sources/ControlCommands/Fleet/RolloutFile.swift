import ArgumentParser
import FleetKinds
import ResourceModel
import WireFormats

/// The option of commands that read one Rollout.
struct RolloutFileOption: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: "The file that declares the Rollout, or - for standard input.",
    completion: .file())
  var path: String

  func read(_ session: Session) throws(CommandFailure) -> Manifest {
    let reader = ManifestReader(namespace: session.namespace, isNamespaceExplicit: false)
    let reading = reader.read([path], isRecursive: false)
    if let failure = reading.failures.first { throw failure }
    let rollouts = reading.manifests.filter { $0.definition.names.kind == RolloutKind.names.kind }
    guard let rollout = rollouts.first, rollouts.count == 1, reading.manifests.count == 1 else {
      let found = reading.manifests.map(\.reference).joined(separator: ", ")
      throw CommandFailure(
        "\(printable(path)) must declare one Rollout and nothing else; it declares \(found)",
        hint: "wrktalkctl apply brings several objects.")
    }
    return rollout
  }
}

/// Rollouts as a command line names them.
enum RolloutName {
  /// `spring`, `rollout/spring`.
  static func read(_ word: String) throws(CommandFailure) -> String {
    guard word.contains("/") else {
      guard !word.isEmpty else { throw CommandFailure("name a rollout", exitCode: CommandFailure.usageExitCode) }
      return word
    }
    let arguments = try ResourceArguments([word])
    guard arguments.resource.kind == RolloutKind.names.kind, let name = arguments.names.first else {
      throw CommandFailure("\"\(printable(word))\" is not a rollout", exitCode: CommandFailure.usageExitCode)
    }
    return name
  }
}
