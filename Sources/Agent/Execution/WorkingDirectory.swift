import Files
import FoundationEssentials
import Glibc
import Observability
import WireFormats

/// The Agent's own corner of the working directory, beside the projects' folders:
///
///     WORKING_DIR/.agent/artifacts/SHA256     archives that were verified, so that a rollback needs no download
///     WORKING_DIR/.agent/work/ID/             one release while it is deployed: bundle/ and config
///     WORKING_DIR/.agent/trust/               what the Agent believes and what it deployed itself
///
/// Everything is looked up from the open folder, which was checked before, and never through a link.
struct WorkingDirectory: Sendable {
  let path: String

  var artifacts: String { "\(path)/.agent/artifacts" }
  var work: String { "\(path)/.agent/work" }

  /// Verified archives to keep, for all environments together: so many, and so many bytes. The newest is always kept; of the
  /// largest that are taken it is four, enough for the current release, the one before it and one that failed.
  static let artifactLimit = 64
  static let artifactBytes = 4 * ReleasePreparation.maximumArtifactBytes

  /// Creates the folders, for their owner only; to be called before anything else is done in them.
  func create() throws(RuntimeFailure) {
    _ = try folder("artifacts")
    _ = try folder("work")
  }

  /// `.agent/NAME`
  func folder(_ name: String) throws(RuntimeFailure) -> Directory {
    let own = try StateFolder(path: path).open()
    do throws(FileFault) {
      return try own.subdirectory(".agent", creating: true).subdirectory(name, creating: true)
    } catch {
      throw Self.failure(error.number, "create folders in \(path)")
    }
  }

  /// Removes what an Agent that was killed left behind; secrets are overwritten first.
  func scrub() {
    if let work = try? folder("work") {
      for name in (try? work.names()) ?? [] { Self.discard(name, in: work) }
    }
    // A download bears its digest's name only once it was verified.
    if let artifacts = try? folder("artifacts") {
      for name in (try? artifacts.names()) ?? [] where name.contains(".") { try? artifacts.removeTree(name) }
    }
  }

  /// Makes the folder of one preparation.
  /// - Returns: its path.
  func makeWorkFolder(_ name: String) throws(RuntimeFailure) -> String {
    let work = try folder("work")
    do throws(FileFault) {
      if work.status(of: name) != nil { throw FileFault(EEXIST) }
      try work.create(name, mode: 0o700)
    } catch {
      throw Self.failure(error.number, "create the folder \(self.work)/\(name)")
    }
    return "\(self.work)/\(name)"
  }

  /// Removes the folder of a release that was deployed.
  func discard(_ path: String) {
    guard let name = path.split(separator: "/").last, let work = try? folder("work") else { return }
    Self.discard(String(name), in: work)
  }

  private static func discard(_ name: String, in work: borrowing Directory) {
    // The files beside the unpacked artifact hold settings and values.
    if let folder = try? work.subdirectory(name) {
      for entry in (try? folder.entries()) ?? [] where !entry.isDirectory { try? folder.eraseFile(entry.name) }
    }
    try? work.removeTree(name)
  }

  // MARK: Archives

  /// Gives a download that was verified its digest's name, also where another one bears it already.
  func keepArtifact(_ download: String, as digest: String) throws(RuntimeFailure) {
    let artifacts = try folder("artifacts")
    do throws(FileFault) {
      try artifacts.rename(download, to: digest)
    } catch {
      throw Self.failure(error.number, "keep the artifact in \(self.artifacts)")
    }
  }

  func removeArtifact(_ name: String) { try? folder("artifacts").removeFile(name) }

  /// Removes all but the most recently used archives that fit in the limits.
  func pruneArtifacts(to limit: Int = artifactLimit, bytes budget: Int = artifactBytes) {
    guard let folder = try? folder("artifacts") else { return }
    // What is still downloaded is none yet.
    let archives = ((try? folder.names()) ?? []).filter { !$0.contains(".") }
      .compactMap { name -> (name: String, usedAt: (Int, Int), bytes: Int)? in
        guard let status = folder.status(of: name) else { return nil }
        return (name, (status.st_mtim.tv_sec, status.st_mtim.tv_nsec), Int(status.st_size))
      }
    var total = 0
    for (index, archive) in archives.sorted(by: { $0.usedAt > $1.usedAt }).enumerated() {
      total = total.addingSaturated(archive.bytes)
      if index > 0, index >= limit || total > budget { try? folder.removeTree(archive.name) }
    }
  }

  static func failure(_ error: any Error, _ what: String) -> RuntimeFailure {
    if (error as? CocoaError)?.code == .fileWriteOutOfSpace { return failure(ENOSPC, what) }
    return RuntimeFailure(
      kind: .transient, reason: "WorkingDirectoryUnusable",
      message: "The Agent could not \(what): \(fileErrorText(error))")
  }

  static func failure(_ code: Int32, _ what: String) -> RuntimeFailure {
    let fault = FileFault(code)
    if fault.isDiskFull {
      return RuntimeFailure(
        kind: .transient, reason: "DiskFull",
        message: "The Agent could not \(what): no space is left; free some and it goes on")
    }
    return RuntimeFailure(
      kind: .transient, reason: "WorkingDirectoryUnusable", message: "The Agent could not \(what): \(fault.text)")
  }
}
