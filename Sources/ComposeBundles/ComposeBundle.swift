import Cryptography
import FoundationEssentials
import Glibc
import Observability
import SystemPackage

/// An unpacked bundle (spec §3.2): one Compose file, perhaps an override of it, and the files that both refer to.
package struct ComposeBundle: Sendable, Hashable {
  package struct File: Sendable, Hashable {
    /// Relative to the bundle's root, without a leading slash.
    package var path: String
    /// Permission bits and the sticky bit.
    package var mode: UInt16
    /// Of a file's content; nil for a folder.
    package var sha256: String?
    package var isEmpty: Bool

    package init(path: String, mode: UInt16, sha256: String? = nil, isEmpty: Bool = false) {
      self.path = path
      self.mode = mode
      self.sha256 = sha256
      self.isEmpty = isEmpty
    }

    package var isDirectory: Bool { sha256 == nil }
    package var isExecutable: Bool { mode & 0o111 != 0 }
  }

  /// The folder that holds the Compose file.
  package var root: String
  /// Relative to `root`, in the order in which Compose reads them.
  package var composeFiles: [String]
  /// Everything but `.env`, sorted by path: a folder comes before what it holds.
  package var files: [File]

  /// In the order in which Compose itself looks.
  static let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]
  package static let environmentFile = ".env"

  /// More files than this are no bundle of static configuration.
  static let fileLimit = 20_000

  /// Finds the Compose file in `folder` or in the one folder inside it.
  package init(folder: String) throws(BundleFault) {
    root = try Self.root(in: folder)
    let entries = Set(Self.entries(of: root))
    guard let name = Self.names.first(where: entries.contains) else {
      throw Self.invalid("the folder \(root.split(separator: "/").last ?? "") in it holds no docker-compose.yaml")
    }
    let base = name.prefix { $0 != "." }
    composeFiles = [name] + ["yaml", "yml"].map { "\(base).override.\($0)" }.filter(entries.contains).prefix(1)
    files = []
    try collect("")
    files.sort { $0.path < $1.path }
  }

  /// The `.env` that the bundle brings itself; nil where there is none.
  package var ownEnvironmentFile: String? {
    let path = "\(root)/\(Self.environmentFile)"
    return Self.kind(of: path) == S_IFREG ? path : nil
  }

  /// The Compose files that the settings name instead of those that Compose finds by itself, as `COMPOSE_FILE` does.
  package mutating func select(_ settings: EnvironmentFile) throws(BundleFault) {
    guard let text = settings["COMPOSE_FILE"], !text.isEmpty else { return }
    let separator = settings["COMPOSE_PATH_SEPARATOR"] ?? ":"
    let known = Set(files.lazy.filter { !$0.isDirectory }.map(\.path))
    composeFiles = []
    for part in separator.isEmpty ? [text] : text.split(separator: separator).map(String.init) {
      let path = part.hasPrefix("./") ? String(part.dropFirst(2)) : part
      guard known.contains(path) else {
        throw BundleFault(
          "InvalidSettings", "COMPOSE_FILE in the settings names \(part), but the bundle brings no such file")
      }
      composeFiles.append(path)
    }
  }

  // MARK: - Finding

  private static func root(in folder: String) throws(BundleFault) -> String {
    let top = entries(of: folder)
    if top.contains(where: names.contains) { return folder }
    let folders = top.filter { !$0.hasPrefix(".") && kind(of: "\(folder)/\($0)") == S_IFDIR }
    if folders.count == 1 { return "\(folder)/\(folders[0])" }
    let isAnyFitting = folders.contains { entries(of: "\(folder)/\($0)").contains(where: names.contains) }
    if !isAnyFitting { throw invalid("it holds no docker-compose.yaml") }
    throw invalid(
      "it holds the folders \(folders.sorted().joined(separator: ", ")), so that it is not clear which of them is the "
        + "bundle. Pack one folder, or docker-compose.yaml at the top")
  }

  /// What macOS adds to an archive is no part of what was packed.
  private static func isLitter(_ name: String) -> Bool {
    name == "__MACOSX" || name == ".DS_Store" || name.hasPrefix("._")
  }

  private static func entries(of folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !isLitter($0) }
  }

  private static func kind(of path: String) -> mode_t? {
    var information = stat()
    return unsafe lstat(path, &information) == 0 ? information.st_mode & S_IFMT : nil
  }

  private mutating func collect(_ folder: String) throws(BundleFault) {
    for name in Self.entries(of: folder.isEmpty ? root : "\(root)/\(folder)") {
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      if path == Self.environmentFile { continue }
      guard files.count < Self.fileLimit else { throw Self.invalid("it holds more than \(Self.fileLimit) files") }
      var information = stat()
      guard unsafe lstat("\(root)/\(path)", &information) == 0 else { throw Self.invalid("\(path) cannot be read") }
      let mode = UInt16(information.st_mode & 0o1777)
      switch information.st_mode & S_IFMT {
      case S_IFDIR:
        files.append(File(path: path, mode: mode))
        try collect(path)
      case S_IFREG: files.append(try Self.file(path, in: root, mode: mode))
      default: throw Self.invalid("\(path) is neither a file nor a folder")
      }
    }
  }

  /// - Parameter path: of a regular file, relative to `folder`.
  package static func file(_ path: String, in folder: String, mode: UInt16) throws(BundleFault) -> File {
    do {
      let content = Array(try Data(contentsOf: URL(filePath: "\(folder)/\(path)")))
      return File(path: path, mode: mode, sha256: SHA256.digest(of: content).hexadecimal, isEmpty: content.isEmpty)
    } catch {
      throw invalid("\(path) cannot be read: \(fileErrorText(error))")
    }
  }

  private static func invalid(_ what: String) -> BundleFault {
    BundleFault("InvalidBundle", "The Compose bundle cannot be used: \(what)")
  }
}
