import Cryptography
import FoundationEssentials
import Glibc
import SystemPackage

/// A folder into which containers may write too: nothing below it is reached through a link, whoever put that there.
///
/// Paths are relative to it and hold neither `.` nor `..`.
struct FolderTree: ~Copyable {
  /// What a file is told by without reading it; any change of its content changes this.
  struct Stamp: Sendable, Hashable, Codable {
    var size: Int64
    var inode: UInt64
    /// Nanoseconds since 1970, of the last change of content or mode.
    var changedAt: Int64
  }

  enum Entry: Sendable, Hashable {
    case file(Stamp)
    case folder
    /// A link, device, pipe or socket.
    case other
  }

  private let root: FileDescriptor

  init(_ path: String) throws(Errno) {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw Errno(rawValue: errno) }
    root = FileDescriptor(rawValue: descriptor)
  }

  deinit { try? root.close() }

  // MARK: - Reading

  /// Nil where there is nothing, or where something else than a folder is on the way to it.
  func entry(_ path: String) throws(Errno) -> Entry? {
    var information = stat()
    do throws(Errno) {
      try inParent(of: path) { folder, name throws(Errno) in
        if unsafe fstatat(folder, name, &information, AT_SYMLINK_NOFOLLOW) != 0 { throw Errno(rawValue: errno) }
      }
    } catch {
      if Self.isAbsence(error) { return nil }
      throw error
    }
    switch information.st_mode & S_IFMT {
    case S_IFREG: return .file(Self.stamp(information))
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// The SHA-256 digest of a regular file.
  func digest(_ path: String) throws(Errno) -> SHA256Digest {
    var digest = SHA256()
    try read(path) { digest.update($0) }
    return digest.finalize()
  }

  /// What a regular file holds.
  func content(_ path: String) throws(Errno) -> [UInt8] {
    var content: [UInt8] = []
    try read(path) { content += $0 }
    return content
  }

  private func read(_ path: String, _ body: ([UInt8]) -> Void) throws(Errno) {
    let file = try opened(path, O_RDONLY | O_NONBLOCK)
    defer { try? file.close() }
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(file.rawValue, bytes.baseAddress, bytes.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Errno(rawValue: errno) }
      if count == 0 { return }
      body(Array(buffer[..<count]))
    }
  }

  /// The names in a folder; `""` is the tree's own.
  func names(in path: String) throws(Errno) -> [String] {
    let folder = path.isEmpty ? root : try opened(path, O_RDONLY | O_DIRECTORY)
    defer { if !path.isEmpty { try? folder.close() } }
    // By descriptor: the name may have become that of a link meanwhile.
    let link = "/proc/self/fd/\(folder.rawValue)"
    return ((try? FileManager.default.contentsOfDirectory(atPath: link)) ?? []).sorted()
  }

  /// Everything below a folder but folders themselves; of more than `limit` only so many.
  func contents(of path: String, limit: Int = 1000) throws(Errno) -> [String] {
    var found: [String] = []
    var folders = [path]
    while let folder = folders.popLast(), found.count < limit {
      for name in try names(in: folder) {
        let child = folder.isEmpty ? name : "\(folder)/\(name)"
        if try entry(child) == .folder { folders.append(child) } else { found.append(child) }
      }
    }
    return found.sorted()
  }

  // MARK: - Changing

  func makeFolder(_ path: String, mode: UInt16) throws(Errno) {
    try inParent(of: path) { folder, name throws(Errno) in
      if unsafe mkdirat(folder, name, 0o700) != 0 { throw Errno(rawValue: errno) }
    }
    try setMode(path, mode)
  }

  /// Of a regular file or folder, without the bits that give another user's rights.
  func mode(_ path: String) throws(Errno) -> UInt16 {
    let file = try opened(path, O_RDONLY | O_NONBLOCK)
    defer { try? file.close() }
    var information = stat()
    if unsafe fstat(file.rawValue, &information) != 0 { throw Errno(rawValue: errno) }
    return UInt16(information.st_mode & 0o1777)
  }

  /// Of a regular file or folder, whatever the process's mask says.
  func setMode(_ path: String, _ mode: UInt16) throws(Errno) {
    let file = try opened(path, O_RDONLY | O_NONBLOCK)
    defer { try? file.close() }
    if fchmod(file.rawValue, mode_t(mode)) != 0 { throw Errno(rawValue: errno) }
  }

  /// Puts a file of this file system under that name, in place of whatever file or link bears it.
  func place(_ source: String, at path: String) throws(Errno) {
    try inParent(of: path) { folder, name throws(Errno) in
      if unsafe renameat(AT_FDCWD, source, folder, name) != 0 { throw Errno(rawValue: errno) }
    }
  }

  /// Takes a file or folder out of the tree.
  func take(_ path: String, to destination: String) throws(Errno) {
    try inParent(of: path) { folder, name throws(Errno) in
      if unsafe renameat(folder, name, AT_FDCWD, destination) != 0 { throw Errno(rawValue: errno) }
    }
  }

  func link(_ path: String, to target: String) throws(Errno) {
    try inParent(of: path) { folder, name throws(Errno) in
      if unsafe symlinkat(target, folder, name) != 0 { throw Errno(rawValue: errno) }
    }
  }

  /// Removes a file or link, where there is one.
  func removeFile(_ path: String) throws(Errno) { try remove(path, 0, unless: []) }

  /// Removes a folder unless it holds anything.
  func removeEmptyFolder(_ path: String) throws(Errno) { try remove(path, AT_REMOVEDIR, unless: [ENOTEMPTY, EEXIST]) }

  private func remove(_ path: String, _ flags: Int32, unless spared: Set<Int32>) throws(Errno) {
    do throws(Errno) {
      try inParent(of: path) { folder, name throws(Errno) in
        if unsafe unlinkat(folder, name, flags) != 0, !spared.contains(errno) { throw Errno(rawValue: errno) }
      }
    } catch {
      if !Self.isAbsence(error) { throw error }
    }
  }

  // MARK: - Descriptors

  private static func isAbsence(_ error: Errno) -> Bool {
    [.noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels].contains(error)
  }

  private static func stamp(_ information: stat) -> Stamp {
    Stamp(
      size: Int64(information.st_size), inode: UInt64(information.st_ino),
      changedAt: Int64(information.st_ctim.tv_sec) * 1_000_000_000 + Int64(information.st_ctim.tv_nsec))
  }

  private func opened(_ path: String, _ flags: Int32) throws(Errno) -> FileDescriptor {
    var descriptor: Int32 = -1
    try inParent(of: path) { folder, name throws(Errno) in
      descriptor = unsafe openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC)
      if descriptor < 0 { throw Errno(rawValue: errno) }
    }
    return FileDescriptor(rawValue: descriptor)
  }

  /// Walks to the folder that holds the last component, and gives its descriptor and that component.
  private func inParent(of path: String, _ body: (Int32, String) throws(Errno) -> Void) throws(Errno) {
    var components = path.split(separator: "/").map(String.init)
    guard let name = components.popLast() else { throw .invalidArgument }
    var folder = root.rawValue
    defer { if folder != root.rawValue { _ = close(folder) } }
    for component in components {
      let next = unsafe openat(folder, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard next >= 0 else { throw Errno(rawValue: errno) }
      if folder != root.rawValue { _ = close(folder) }
      folder = next
    }
    try body(folder, name)
  }
}
