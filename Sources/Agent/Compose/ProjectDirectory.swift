import ComposeBundles
import Cryptography
import FoundationEssentials
import Glibc
import Observability
import SystemPackage
import WireFormats

/// Where a project lies on the host, for as long as it is deployed:
///
///     WORKING_DIR/PROJECT/bundle/          Compose's project directory: the bundle's files, and what containers write beside them
///     WORKING_DIR/PROJECT/bundle.json      what the Agent laid there, so that it takes nothing else for its own
///     WORKING_DIR/PROJECT/images.yaml      the override that pins images
///     WORKING_DIR/PROJECT/set-aside/       files of others that lay where a release's lie now
///     WORKING_DIR/PROJECT/lock
///
/// Each release is laid over the last, as people do who unpack one over the other: a relative bind mount stays where it is.
struct ProjectDirectory: Sendable, Hashable {
  /// `WORKING_DIR/PROJECT`
  var path: String

  init(workingDirectory: String, project: String) { path = "\(workingDirectory)/\(project)" }

  var lockFile: String { "\(path)/lock" }
  var folder: String { "\(path)/bundle" }
  var setAsideFolder: String { "\(path)/set-aside" }
  private var recordFile: String { "\(path)/bundle.json" }
  private var nextFolder: String { "\(path)/.next" }
  /// Settings that were replaced, until no container uses them.
  private var retiredFolder: String { "\(path)/.retired" }

  func create() throws(RuntimeFailure) {
    for folder in [path, nextFolder, retiredFolder] {
      try Self.attempt("create the folder \(folder)") {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
      // What containers mount must be readable for whatever user they run as; this keeps everybody else out.
      try Self.attempt("protect the folder \(folder)") {
        if unsafe chmod(folder, 0o700) != 0 { throw Errno(rawValue: errno) }
      }
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

  /// How Compose reads a bundle before it is laid into the project's folder, so that a release that cannot be read,
  /// pulled or built touches nothing that runs.
  func unpacked(_ bundle: ComposeBundle) -> Installation { installation(of: bundle, in: bundle.root) }

  private func installation(of bundle: ComposeBundle, in folder: String) -> Installation {
    Installation(
      folder: folder, composeFiles: bundle.composeFiles.map { "\(folder)/\($0)" }, pinFile: "\(path)/images.yaml")
  }

  /// Writes what the Agent adds to the Compose files.
  func pin(_ override: ReleaseOverride, in installation: Installation) throws(RuntimeFailure) {
    try Self.attempt("write \(installation.pinFile)") {
      try Data(override.file.serialized()).write(to: URL(filePath: installation.pinFile), options: .atomic)
    }
  }

  // MARK: - Laying

  /// Lays a bundle into the project's folder; the caller holds the project's lock.
  ///
  /// It may be ended at any point and repeated: what may lie there is recorded before it does.
  /// - Parameters:
  ///   - settings: the release's `.env`. It is copied only where a container mounts it; else it is linked for Compose.
  ///   - now: seconds since 1970.
  /// - Returns: what people should know of files that are not as the release brings them.
  func lay(
    _ bundle: ComposeBundle, settings: String?, mounts: BundleMounts, now: Int64
  ) throws(RuntimeFailure) -> (Installation, [BundleLayout.Note]) {
    let environment = ComposeBundle.environmentFile
    let files = try files(of: bundle, settings: settings, mounts: mounts)
    try Self.attempt("create the folder \(folder)") {
      if unsafe mkdir(folder, 0o755) != 0, errno != EEXIST { throw Errno(rawValue: errno) }
    }
    do {
      let tree = try FolderTree(folder)
      try tree.setMode(".", 0o755)
      let before = try record() ?? BundleRecord()
      if case .other = try tree.entry(environment) { try tree.removeFile(environment) }
      let layout = BundleLayout(
        bringing: files, over: before, mounts: mounts, found: try found(in: tree, files, before))
      if let conflict = layout.conflicts.first { throw obstruction(conflict) }
      let during = layout.recordBefore(before, bringing: files, mounts: mounts, now: now)
      // Where the disk is full that shows now, with nothing touched.
      let copies = try copy(layout.files, of: bundle, settings)
      try write(during)
      try apply(layout, copies, in: tree)
      if let settings, !mounts.covers(environment) { try tree.link(environment, to: settings) }
      var stamps: [String: FolderTree.Stamp] = [:]
      for file in files {
        if case .file(let stamp) = try tree.entry(file.path) { stamps[file.path] = stamp }
      }
      try write(layout.recordAfter(during, bringing: files, mounts: mounts, stamps: stamps))
      return (installation(of: bundle, in: folder), layout.notes)
    } catch let failure as RuntimeFailure {
      throw failure
    } catch {
      throw Self.failure(error, "lay the bundle into \(folder)")
    }
  }

  /// What is to lie in the project's folder: the bundle's files, and the settings where a container mounts them.
  func files(
    of bundle: ComposeBundle, settings: String?, mounts: BundleMounts
  ) throws(RuntimeFailure) -> [ComposeBundle.File] {
    guard let settings, mounts.covers(ComposeBundle.environmentFile) else { return bundle.files }
    let slash = settings.lastIndex(of: "/") ?? settings.startIndex
    var file = try RuntimeFailure.mapping { () throws(BundleFault) in
      try ComposeBundle.file(
        String(settings[settings.index(after: slash)...]), in: String(settings[..<slash]), mode: 0o644)
    }
    file.path = ComposeBundle.environmentFile
    return (bundle.files + [file]).sorted { $0.path < $1.path }
  }

  private func found(
    in tree: borrowing FolderTree, _ files: [ComposeBundle.File], _ record: BundleRecord
  ) throws -> [String: BundleLayout.Found] {
    var found: [String: BundleLayout.Found] = [:]
    let wanted = Set(files.lazy.filter { !$0.isDirectory }.map(\.path))
    for path in Set(files.map(\.path)).union(record.entries.keys) {
      switch try tree.entry(path) {
      case nil: break
      case .other: found[path] = .other
      case .folder: found[path] = .folder(contents: wanted.contains(path) ? try tree.contents(of: path) : [])
      case .file(let stamp):
        found[path] = .file(sha256: try tree.digest(path).hexadecimal, isEmpty: stamp.size == 0)
      }
    }
    return found
  }

  /// - Returns: where the copies lie, by their path.
  private func copy(
    _ files: [ComposeBundle.File], of bundle: ComposeBundle, _ settings: String?
  ) throws -> [String: String] {
    for name in try FileManager.default.contentsOfDirectory(atPath: nextFolder) {
      SecretFile.erase("\(nextFolder)/\(name)")
    }
    var copies: [String: String] = [:]
    for (index, file) in files.enumerated() {
      let copy = "\(nextFolder)/\(index)"
      let isSettings = file.path == ComposeBundle.environmentFile
      let source = isSettings ? settings ?? "" : "\(bundle.root)/\(file.path)"
      let content = Array(try Data(contentsOf: URL(filePath: source)))
      let descriptor = try FileDescriptor.open(
        FilePath(copy), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: .ownerReadWrite)
      try descriptor.closeAfter {
        _ = try descriptor.writeAll(content)
        guard fchmod(descriptor.rawValue, mode_t(file.mode)) == 0, fsync(descriptor.rawValue) == 0 else {
          throw Errno(rawValue: errno)
        }
      }
      copies[file.path] = copy
    }
    return copies
  }

  private func apply(
    _ layout: BundleLayout, _ copies: [String: String], in tree: borrowing FolderTree
  ) throws {
    for path in layout.removedFiles { try remove(path, from: tree) }
    for path in layout.removedFolders { try tree.removeEmptyFolder(path) }
    for path in layout.setAside { try setAside(path, of: tree) }
    for folder in layout.folders { try tree.makeFolder(folder.path, mode: folder.mode) }
    for file in layout.files {
      // A container may use the former one until it is recreated.
      if file.path == ComposeBundle.environmentFile { try remove(file.path, from: tree) }
      try tree.place(copies[file.path] ?? "", at: file.path)
    }
    for file in layout.modes { try tree.setMode(file.path, file.mode) }
  }

  private func remove(_ path: String, from tree: borrowing FolderTree) throws {
    guard path == ComposeBundle.environmentFile else { return try tree.removeFile(path) }
    if case .file(let stamp) = try tree.entry(path) { try tree.take(path, to: "\(retiredFolder)/\(stamp.inode)") }
  }

  private func setAside(_ path: String, of tree: borrowing FolderTree) throws {
    let copy = "\(setAsideFolder)/\(path).\(try tree.digest(path).hexadecimal.prefix(8))"
    let parent = copy[..<(copy.lastIndex(of: "/") ?? copy.endIndex)]
    try FileManager.default.createDirectory(
      atPath: String(parent), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try tree.take(path, to: copy)
  }

  private func obstruction(_ conflict: BundleLayout.Conflict) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "PathInTheWay",
      message: """
        The release brings \(conflict.path), but \(folder)/\(conflict.obstacle), which no release brought or which was \
        changed since, is in its way. Move it elsewhere, or have the bundle use another path
        """)
  }

  // MARK: - Record

  /// Nil where none was written, or it cannot be read.
  func record() throws(RuntimeFailure) -> BundleRecord? {
    guard let data = FileManager.default.contents(atPath: recordFile) else { return nil }
    return try? JSONDecoder().decode(BundleRecord.self, from: data)
  }

  func write(_ record: BundleRecord) throws(RuntimeFailure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try Self.attempt("write \(recordFile)") {
      let draft = "\(recordFile).new"
      _ = unsafe unlink(draft)
      try SecretFile.write(Array(try encoder.encode(record)), to: draft)
      if unsafe rename(draft, recordFile) != 0 { throw Errno(rawValue: errno) }
    }
  }

  // MARK: - Afterwards

  /// Tidies up once the release runs: what no container uses any more.
  /// - Parameter mountSources: of all containers of the project.
  func finish(mounts: BundleMounts, mountSources: [String]) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: retiredFolder)) ?? [] {
      SecretFile.erase("\(retiredFolder)/\(name)")
    }
    if !mounts.covers(ComposeBundle.environmentFile), let tree = try? FolderTree(folder),
      case .other = try? tree.entry(ComposeBundle.environmentFile)
    {
      try? tree.removeFile(ComposeBundle.environmentFile)
    }
    removeFormerPaths(mountSources: mountSources)
  }

  /// Removes what the Agent laid, where it is as it was laid; what others wrote stays, as volumes do. The caller holds the
  /// project's lock, and no container is left.
  func clear() throws(RuntimeFailure) {
    do {
      if let tree = try? FolderTree(folder), let record = try record() {
        for (path, entry) in record.entries.sorted(by: { $0.key > $1.key }) {
          if entry.isFolder {
            try tree.removeEmptyFolder(path)
          } else if case .file = try tree.entry(path), entry.sha256.contains(try tree.digest(path).hexadecimal) {
            try remove(path, from: tree)
          }
        }
      }
      _ = unsafe rmdir(folder)
      _ = unsafe unlink(recordFile)
      finish(mounts: BundleMounts(), mountSources: [])
    } catch {
      throw Self.failure(error, "clear \(folder)")
    }
  }

  static func attempt(_ what: String, _ body: () throws -> Void) throws(RuntimeFailure) {
    do { try body() } catch { throw failure(error, what) }
  }

  private static func failure(_ error: any Error, _ what: String) -> RuntimeFailure {
    if let failure = error as? RuntimeFailure { return failure }
    return (error as? Errno).map { WorkingDirectory.failure($0.rawValue, what) }
      ?? WorkingDirectory.failure(error, what)
  }
}
