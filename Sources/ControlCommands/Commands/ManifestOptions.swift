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

/// Who merges a manifest into the object: this program, or the server.
struct ApplyOptions: ParsableArguments {
  @Flag(
    help: "Let the server merge, which keeps for each field who set it: what others set otherwise is a conflict.")
  var serverSide = false

  @Flag(help: "With --server-side: take fields over that others set otherwise.")
  var forceConflicts = false

  @Option(
    help: "The name under which the fields are set; with --server-side, what it does not name any more is removed.")
  var fieldManager: String?

  func validate() throws {
    if forceConflicts, !serverSide { throw ValidationError("--force-conflicts only works with --server-side") }
  }

  var method: ManifestWriter.Method {
    serverSide
      ? .serverSide(manager: fieldManager ?? ManifestWriter.manager, isForced: forceConflicts)
      : .clientSide(manager: fieldManager ?? ManifestWriter.clientSideManager)
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

  /// - Parameter exitCode: what the command ends with where one has failed.
  func end(exitCode: Int32 = CommandFailure.generalExitCode) throws {
    if count > 0 { throw ExitCode(exitCode) }
  }
}
