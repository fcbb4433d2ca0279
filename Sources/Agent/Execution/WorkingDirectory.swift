import FoundationEssentials
import Glibc
import Observability

/// The Agent's own corner of the working directory, beside the projects' folders:
///
///     WORKING_DIR/.agent/artifacts/SHA256     archives that were verified, so that a rollback needs no download
///     WORKING_DIR/.agent/work/ID/             one release while it is deployed: bundle/ and config
struct WorkingDirectory: Sendable {
  let path: String

  var artifacts: String { "\(path)/.agent/artifacts" }
  var work: String { "\(path)/.agent/work" }

  /// Verified archives to keep, for all environments together: so many, and so many bytes. The newest is always kept; of the
  /// largest that are taken it is four, enough for the current release, the one before it and one that failed.
  static let artifactLimit = 64
  static let artifactBytes = 4 * ReleasePreparation.maximumArtifactBytes

  /// Creates the folders, for their owner only.
  func create() throws(RuntimeFailure) {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      var information = stat()
      guard unsafe lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR,
        information.st_uid == geteuid()
      else {
        throw RuntimeFailure(
          kind: .transient, reason: "WorkingDirectoryUnusable",
          message: "\(path) is a link or belongs to another user: remove it or set WRKTALK_AGENT_WORKING_DIR")
      }
      guard unsafe chmod(path, 0o700) == 0 else { throw Self.failure(errno, "protect the folder \(path)") }
      for folder in [artifacts, work] {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
    } catch let failure as RuntimeFailure {
      throw failure
    } catch {
      throw Self.failure(error, "create folders in \(path)")
    }
  }

  /// Removes what an Agent that was killed left behind; secrets are overwritten first.
  func scrub() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: work)) ?? [] { discard("\(work)/\(name)") }
    // A download bears its digest's name only once it was verified: see `ReleasePreparation.archive(of:progress:)`.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: artifacts)) ?? [] where name.contains(".") {
      try? FileManager.default.removeItem(atPath: "\(artifacts)/\(name)")
    }
  }

  /// Removes the folder of a release that was deployed.
  func discard(_ folder: String) {
    // The files beside the unpacked artifact hold settings and values.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      let path = "\(folder)/\(name)"
      let kind = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
      if kind == .typeRegular { SecretFile.erase(path) }
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Removes all but the most recently used archives that fit in the limits.
  func pruneArtifacts(to limit: Int = artifactLimit, bytes budget: Int = artifactBytes) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: artifacts)) ?? []
    let archives = names.compactMap { name -> (path: String, usedAt: (Int, Int), bytes: Int)? in
      let file = "\(artifacts)/\(name)"
      var information = stat()
      guard unsafe lstat(file, &information) == 0 else { return nil }
      return (file, (information.st_mtim.tv_sec, information.st_mtim.tv_nsec), Int(information.st_size))
    }
    var total = 0
    for (index, archive) in archives.sorted(by: { $0.usedAt > $1.usedAt }).enumerated() {
      total += archive.bytes
      if index > 0, index >= limit || total > budget {
        try? FileManager.default.removeItem(atPath: archive.path)
      }
    }
  }

  static func failure(_ error: any Error, _ what: String) -> RuntimeFailure {
    if (error as? CocoaError)?.code == .fileWriteOutOfSpace { return failure(ENOSPC, what) }
    return RuntimeFailure(
      kind: .transient, reason: "WorkingDirectoryUnusable",
      message: "The Agent could not \(what): \(fileErrorText(error))")
  }

  static func failure(_ code: Int32, _ what: String) -> RuntimeFailure {
    if code == ENOSPC || code == EDQUOT {
      return RuntimeFailure(
        kind: .transient, reason: "DiskFull",
        message: "The Agent could not \(what): no space is left; free some and it goes on")
    }
    return RuntimeFailure(
      kind: .transient, reason: "WorkingDirectoryUnusable", message: "The Agent could not \(what): error \(code)")
  }
}
