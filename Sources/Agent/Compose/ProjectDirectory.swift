import FoundationEssentials
import Observability
import WireFormats

/// Where a project's bundles lie while Compose and the containers use them:
///
///     WORKING_DIR/PROJECT/lock
///     WORKING_DIR/PROJECT/files/DIGEST/    the bundle; the folder is Compose's project directory
///
/// DIGEST names what the bundle's files hold, so that relative bind mounts, and with them Compose's hashes of services,
/// change when the mounted files do and never otherwise: not by a restart, nor by a release that left them as they were.
struct ProjectDirectory: Sendable, Hashable {
  /// `WORKING_DIR/PROJECT`
  var path: String

  init(workingDirectory: String, project: String) { path = "\(workingDirectory)/\(project)" }

  var lockFile: String { "\(path)/lock" }
  private var filesFolder: String { "\(path)/files" }

  func create() throws(RuntimeFailure) {
    try Self.attempt("create the folder \(filesFolder)") {
      try FileManager.default.createDirectory(
        atPath: filesFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
  }

  /// What Compose is called with.
  struct Installation: Sendable, Hashable {
    /// Compose's project directory.
    var folder: String
    /// Absolute paths for `-f`, in order.
    var composeFiles: [String]
    /// The override that pins images; written by `pin`.
    var pinFile: String
  }

  /// Puts a bundle in its place; the caller holds the project's lock.
  /// - Parameter configFile: the `.env` of the release. It is linked, never copied, so that no second copy has to be
  ///   overwritten; services that name it as their `env_file` find it.
  func install(_ bundle: ComposeBundle, configFile: String?) throws(RuntimeFailure) -> Installation {
    let folder = "\(filesFolder)/\(try bundle.contentDigest().prefix(16))"
    if !FileManager.default.fileExists(atPath: folder) {
      // Renamed when complete: a folder under its own name is whole, also after a crash.
      let draft = "\(filesFolder)/.new"
      try Self.attempt("copy the Compose bundle to \(filesFolder)") {
        try? FileManager.default.removeItem(atPath: draft)
        try copyFiles(of: bundle, to: draft)
        try FileManager.default.moveItem(atPath: draft, toPath: folder)
      }
    }
    var composeFiles: [String] = []
    for (name, copy) in zip(bundle.composeFiles, ["docker-compose.yaml", "docker-compose.override.yaml"]) {
      try Self.attempt("write \(folder)/\(copy)") {
        let text = try Data(contentsOf: URL(filePath: "\(bundle.root)/\(name)"))
        try text.write(to: URL(filePath: "\(folder)/\(copy)"), options: .atomic)
      }
      composeFiles.append("\(folder)/\(copy)")
    }
    try Self.attempt("link the .env file into \(folder)") {
      let link = "\(folder)/.env"
      try? FileManager.default.removeItem(atPath: link)
      if let configFile {
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: configFile)
      } else if bundle.hasEnvironmentFile {
        try FileManager.default.copyItem(atPath: "\(bundle.root)/.env", toPath: link)
      }
    }
    return Installation(
      folder: folder, composeFiles: composeFiles, pinFile: "\(folder)/docker-compose.images.yaml")
  }

  /// Writes what the Agent adds to the Compose files.
  func pin(_ override: ReleaseOverride, in installation: Installation) throws(RuntimeFailure) {
    try Self.attempt("write \(installation.pinFile)") {
      try Data(override.file.serialized()).write(to: URL(filePath: installation.pinFile), options: .atomic)
    }
  }

  /// Removes bundles that neither a container mounts nor the current release needs.
  func prune(keeping installation: Installation, mountSources: [String]) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: filesFolder)) ?? [] {
      let folder = "\(filesFolder)/\(name)"
      let isMounted = mountSources.contains { $0 == folder || $0.hasPrefix("\(folder)/") }
      if folder != installation.folder, !isMounted { try? FileManager.default.removeItem(atPath: folder) }
    }
  }

  private func copyFiles(of bundle: ComposeBundle, to folder: String) throws {
    // What containers mount must be readable for whatever user they run as; the folder above keeps others out.
    let open: [FileAttributeKey: Any] = [.posixPermissions: 0o755]
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: open)
    for file in bundle.files {
      let copy = "\(folder)/\(file.path)"
      if file.isDirectory {
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
      } else {
        try Data(contentsOf: URL(filePath: "\(bundle.root)/\(file.path)")).write(to: URL(filePath: copy))
      }
      let mode = file.isExecutable ? 0o755 : 0o644
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: copy)
    }
  }

  private static func attempt(_ what: String, _ body: () throws -> Void) throws(RuntimeFailure) {
    do { try body() } catch {
      let isFull = (error as? CocoaError)?.code == .fileWriteOutOfSpace
      throw RuntimeFailure(
        kind: .transient, reason: isFull ? "DiskFull" : "WorkingDirectoryUnusable",
        message:
          "The Agent could not \(what): \(isFull ? "no space is left; free some and it goes on" : fileErrorText(error))"
      )
    }
  }
}
