import FoundationEssentials

/// What lies in the working directory for one release: the lock, and a note of the run of helm that was not seen to its end.
struct HelmFiles: Sendable {
  private let folder: String
  private let name: String

  init(workingDirectory: String, target: RuntimeTarget) {
    folder = "\(workingDirectory)/.agent/helm"
    name = "\(target.namespace).\(target.name)"
  }

  var lock: String { "\(folder)/\(name).lock" }
  private var run: String { "\(folder)/\(name).run" }

  func create() throws(RuntimeFailure) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw WorkingDirectory.failure(error, "create the folder \(folder)")
    }
  }

  /// The run of helm that was not seen to its end: the Agent was killed in its midst, or helm left open what came of it.
  var unfinishedRun: HelmRun? { FileManager.default.contents(atPath: run).flatMap { HelmRun(note: Array($0)) } }

  func note(_ unfinished: HelmRun) throws(RuntimeFailure) {
    do {
      try Data(unfinished.note).write(to: URL(filePath: run), options: .atomic)
    } catch {
      throw WorkingDirectory.failure(error, "write \(run)")
    }
  }

  func forgetRun() { try? FileManager.default.removeItem(atPath: run) }
}
