import ArgumentParser
import ResourceModel

/// The options of commands that read manifests.
struct ManifestOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")], parsing: .singleValue,
    help: "A file, a folder, or - for standard input; may be given several times.", completion: .file())
  var paths: [String]

  @Flag(name: [.customShort("R"), .long], help: "Read the folders inside a folder too.")
  var recursive = false

  func read(_ session: Session) -> ManifestReader.Reading {
    ManifestReader(namespace: session.namespace, isNamespaceExplicit: session.isNamespaceExplicit)
      .read(paths, isRecursive: recursive)
  }
}

/// Whether a command only asks what would happen.
enum DryRun: String, CaseIterable, ExpressibleByArgument {
  case none
  /// The server checks everything and stores nothing.
  case server
}

/// Failures of several objects: each is said when it happens, the exit code comes at the end.
struct FailureCount {
  private(set) var count = 0

  mutating func add(_ failure: CommandFailure, _ console: Console) {
    count += 1
    console.note("error: \(failure.message)")
    if let hint = failure.hint { console.note("hint: \(hint)") }
  }

  func end() throws {
    if count > 0 { throw ExitCode(CommandFailure.generalExitCode) }
  }
}
