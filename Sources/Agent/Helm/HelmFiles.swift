import FoundationEssentials

/// What lies in the working directory for one release: the lock, and a mark that is there while helm runs.
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

  /// True where an Agent was killed while its helm ran.
  var hasUnfinishedRun: Bool { FileManager.default.fileExists(atPath: run) }

  func beginRun() throws(RuntimeFailure) {
    guard FileManager.default.createFile(atPath: run, contents: nil) else {
      throw WorkingDirectory.failure(0, "write \(run)")
    }
  }

  func forgetRun() { try? FileManager.default.removeItem(atPath: run) }
}
