import ComposeBundles

/// What is to be done so that a release's files lie in a project's folder, without harm to what others wrote there.
///
/// The Agent's own are the files that hold what it laid. Whatever else is found stays, or is set aside where the release
/// needs its name. A container's own version of a file that it may write stays until the release brings another one.
struct BundleLayout: Sendable, Hashable {
  /// What lies under a path now.
  enum Found: Sendable, Hashable {
    case file(sha256: String, isEmpty: Bool)
    /// - Parameter contents: the paths of all files below; needed only where the folder is in the way of a file.
    case folder(contents: [String] = [])
    /// A link, device, pipe or socket.
    case other
  }

  /// What people should know of a file.
  enum Note: Sendable, Hashable {
    /// A container's version is used instead of the release's.
    case kept(String)
    /// Somebody's version lay where the release's lies now.
    case setAside(String)
    /// The release does not bring it any more, but it was changed.
    case left(String)
  }

  struct Conflict: Sendable, Hashable {
    var path: String
    /// What is in the way, and cannot be moved out of it.
    var obstacle: String
  }

  /// Files that no release brings any more.
  var removedFiles: [String] = []
  /// Removed where nothing is left in them; the deepest first.
  var removedFolders: [String] = []
  /// In the way of a file, and moved out of it.
  var setAside: [String] = []
  /// To be made; a folder before what it holds.
  var folders: [ComposeBundle.File] = []
  /// To be copied.
  var files: [ComposeBundle.File] = []
  /// Right but for their mode.
  var modes: [ComposeBundle.File] = []
  var notes: [Note] = []
  var conflicts: [Conflict] = []

  /// - Parameters:
  ///   - found: what lies under the paths of `files` and `record`; a path that is missing in it is missing there.
  init(
    bringing files: [ComposeBundle.File], over record: BundleRecord, mounts: BundleMounts, found: [String: Found]
  ) {
    let brought = Dictionary(files.map { ($0.path, $0) }) { first, _ in first }
    retire(record, brought, mounts, found)
    let retired = Set(removedFiles)
    for file in files {
      if file.isDirectory {
        place(folder: file, record.entries[file.path], retired, found[file.path])
      } else {
        place(file: file, record.entries[file.path], retired, mounts, found[file.path])
      }
    }
  }

  /// What former releases brought and this one does not, or brings as something else.
  private mutating func retire(
    _ record: BundleRecord, _ brought: [String: ComposeBundle.File], _ mounts: BundleMounts, _ found: [String: Found]
  ) {
    for (path, entry) in record.entries.sorted(by: { $0.key < $1.key }) {
      let now = brought[path]
      if entry.isFolder {
        // What a container mounts stays, with the owner and mode that it has by now.
        if now?.isDirectory != true, now != nil || !mounts.isSource(path), case .folder = found[path] {
          removedFolders.insert(path, at: 0)
        }
      } else if now == nil || now?.isDirectory == true, case .file(let sha256, let isEmpty) = found[path] {
        if entry.sha256.contains(sha256) || isEmpty {
          removedFiles.append(path)
        } else if now == nil {
          notes.append(.left(path))
        }
      }
    }
  }

  private mutating func place(
    folder: ComposeBundle.File, _ entry: BundleRecord.Entry?, _ retired: Set<String>, _ found: Found?
  ) {
    switch found {
    case nil: folders.append(folder)
    case .file where retired.contains(folder.path): folders.append(folder)
    case .file, .other: conflicts.append(Conflict(path: folder.path, obstacle: folder.path))
    case .folder:
      // Whoever mounts it may have given it another mode: only what the bundle changes is changed.
      if let entry, entry.isFolder, entry.mode != folder.mode { modes.append(folder) }
    }
  }

  private mutating func place(
    file: ComposeBundle.File, _ entry: BundleRecord.Entry?, _ retired: Set<String>, _ mounts: BundleMounts,
    _ found: Found?
  ) {
    switch found {
    case nil, .other: files.append(file)
    case .folder(let contents):
      if let obstacle = contents.first(where: { !retired.contains($0) }) {
        conflicts.append(Conflict(path: file.path, obstacle: obstacle))
      } else {
        // The engine makes such folders where it misses a file.
        if !removedFolders.contains(file.path) { removedFolders.insert(file.path, at: 0) }
        files.append(file)
      }
    case .file(let sha256, _) where sha256 == file.sha256:
      if entry?.mode != file.mode { modes.append(file) }
    case .file(let sha256, let isEmpty):
      if isEmpty || entry?.sha256.contains(sha256) == true {
        files.append(file)
      } else if mounts.isWritable(file.path) || entry?.isWritable == true,
        entry.map({ $0.sha256 == [file.sha256 ?? ""] }) ?? true
      {
        notes.append(.kept(file.path))
      } else {
        notes.append(.setAside(file.path))
        setAside.append(file.path)
        files.append(file)
      }
    }
  }

  /// What is to be recorded before anything is touched: every content that may lie there from now on.
  func recordBefore(_ record: BundleRecord, bringing files: [ComposeBundle.File], mounts: BundleMounts, now: Int64)
    -> BundleRecord
  {
    var record = record
    let laid = Set(self.files.map(\.path) + folders.map(\.path))
    for file in files {
      let contents = Set([file.sha256].compactMap { $0 })
      var entry =
        record.entries[file.path] ?? BundleRecord.Entry(sha256: contents, mode: file.mode, laidAt: now)
      entry.sha256.formUnion(contents)
      entry.isWritable = entry.isWritable || mounts.isWritable(file.path)
      if laid.contains(file.path) { entry.laidAt = now }
      record.entries[file.path] = entry
    }
    return record
  }

  /// What is to be recorded when all is done.
  /// - Parameter stamps: of the files that are right.
  func recordAfter(
    _ before: BundleRecord, bringing files: [ComposeBundle.File], mounts: BundleMounts,
    stamps: [String: FolderTree.Stamp]
  ) -> BundleRecord {
    var after = BundleRecord()
    for file in files {
      after.entries[file.path] = BundleRecord.Entry(
        sha256: Set([file.sha256].compactMap { $0 }), mode: file.mode, isWritable: mounts.isWritable(file.path),
        laidAt: before.entries[file.path]?.laidAt ?? 0, stamp: stamps[file.path])
    }
    return after
  }
}
