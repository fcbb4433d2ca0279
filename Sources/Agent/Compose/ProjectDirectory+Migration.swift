import ComposeBundles
import Cryptography
import FoundationEssentials
import Glibc
import SystemPackage

/// Projects whose containers use another folder of an Agent: `PROJECT/files/DIGEST`, where each release had its own, or the
/// project's folder under another working directory. It becomes the project's folder with all that containers wrote there,
/// and its former path stays a link as long as a container uses it.
extension ProjectDirectory {
  /// The caller holds the project's lock. May be ended at any point and repeated.
  /// - Parameter containers: of the project.
  func adopt(_ containers: [EngineContainer]) throws(RuntimeFailure) {
    var former: [String: [EngineContainer.Mount]] = [:]
    for container in containers where container.workingDirectory != folder {
      let mounts = container.mounts.filter { $0.source.hasPrefix("\(container.workingDirectory)/") }
      if !mounts.isEmpty, isOfAnAgent(container.workingDirectory) {
        former[container.workingDirectory, default: []] += mounts
      }
    }
    // The one that most is mounted of becomes the project's; what the others hold beside it moves there too.
    for (old, mounts) in former.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
      try adopt(old, mounts)
    }
  }

  /// Links that former containers needed.
  func removeFormerPaths(mountSources: [String]) {
    let files = "\(path)/files"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: files)) ?? [] {
      let former = "\(files)/\(name)"
      guard !mountSources.contains(where: { BundlePath.contains(former, $0) }) else { continue }
      // Fails for what is not a link, and so leaves it.
      if (try? FileManager.default.destinationOfSymbolicLink(atPath: former)) != nil { _ = unsafe unlink(former) }
    }
    _ = unsafe rmdir(files)
  }

  private func isOfAnAgent(_ old: String) -> Bool {
    let parts = old.split(separator: "/")
    guard old.hasPrefix("/"), let project = path.split(separator: "/").last, let name = parts.last else { return false }
    if parts.count > 2, parts.suffix(2).elementsEqual([project, "bundle"]) {
      return exists("\(old).json")
    }
    return parts.count > 3 && parts.suffix(3).dropLast().elementsEqual([project, "files"]) && name.count == 16
      && name.allSatisfy(\.isHexDigit) && exists("/\(parts.dropLast(2).joined(separator: "/"))/lock")
  }

  private func exists(_ path: String) -> Bool {
    var information = stat()
    return unsafe lstat(path, &information) == 0 && information.st_uid == geteuid()
  }

  private func adopt(_ old: String, _ mounts: [EngineContainer.Mount]) throws(RuntimeFailure) {
    if !exists(old) {
      // An earlier run moved it, and ended before it left the link.
      if exists(folder) { _ = unsafe symlink(folder, old) }
      return
    }
    guard let tree = try? FolderTree(old) else { return }
    guard !exists(folder) else { return try merge(old, mounts) }
    let formerRecord = "\(old).json"
    if exists(formerRecord) {
      if let data = FileManager.default.contents(atPath: formerRecord),
        let record = try? JSONDecoder().decode(BundleRecord.self, from: data)
      {
        try write(record)
      }
    } else {
      try Self.attempt("read \(old)") { try write(try Self.record(of: tree, digest: Self.name(of: old))) }
    }
    guard unsafe rename(old, folder) == 0 else {
      let code = errno
      if code == EXDEV, !mounts.contains(where: \.isWritable) { return }
      throw RuntimeFailure(
        kind: .permanent, reason: "DataElsewhere",
        message: """
          Containers of the project keep data in \(old), and the Agent cannot move it to \(folder): \
          \(Errno(rawValue: code)). Move the folder there yourself and leave a link in its place, or set \
          WRKTALK_AGENT_WORKING_DIR to what it was
          """)
    }
    try Self.attempt("link \(old) to \(folder)") {
      if unsafe symlink(folder, old) != 0 { throw Errno(rawValue: errno) }
    }
  }

  /// Moves what containers mount of a further folder, where the project's folder has nothing of that name.
  private func merge(_ old: String, _ mounts: [EngineContainer.Mount]) throws(RuntimeFailure) {
    for mount in mounts where mount.isWritable {
      let target = "\(folder)\(mount.source.dropFirst(old.count))"
      guard exists(mount.source), !exists(target), !target.contains("/../") else { continue }
      try Self.attempt("move \(mount.source) to \(target)") {
        let parent = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        if unsafe rename(mount.source, target) != 0 || symlink(target, mount.source) != 0 {
          throw Errno(rawValue: errno)
        }
      }
    }
  }

  private static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

  /// What the former Agent laid. It named the folder for what the bundle brought: where that is still all there is, the
  /// bundle brought all of it; else nobody knows, and all but the Compose files counts as written by containers.
  private static func record(of tree: borrowing FolderTree, digest name: String) throws -> BundleRecord {
    let own: Set = [
      "docker-compose.yaml", "docker-compose.override.yaml", "docker-compose.images.yaml",
      ComposeBundle.environmentFile,
    ]
    var record = BundleRecord()
    var brought = BundleRecord()
    var digest = SHA256()
    var paths: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
      for name in try tree.names(in: folder) {
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        paths.append(path)
        if try tree.entry(path) == .folder { folders.append(path) }
      }
    }
    for path in paths.sorted() {
      guard let entry = try tree.entry(path) else { continue }
      let mode = try tree.mode(path)
      switch entry {
      case .file where own.contains(path):
        record.entries[path] = .init(sha256: [try tree.digest(path).hexadecimal], mode: mode, laidAt: 0)
      case .file:
        let content = try tree.content(path)
        digest.update(
          Array("\(mode & 0o111 != 0 ? "program" : "file") \(path.utf8.count) \(path) \(content.count)\n".utf8))
        digest.update(content)
        brought.entries[path] = .init(sha256: [SHA256.digest(of: content).hexadecimal], mode: mode, laidAt: 0)
      case .folder:
        digest.update(Array("directory \(path.utf8.count) \(path) 0\n".utf8))
        brought.entries[path] = .init(sha256: [], mode: mode, laidAt: 0)
      case .other: if !own.contains(path) { digest.update([0]) }
      }
    }
    guard digest.finalize().hexadecimal.hasPrefix(name) else { return record }
    record.entries.merge(brought.entries) { own, _ in own }
    return record
  }
}
