import Cryptography
import FoundationEssentials
import Observability

/// An unpacked bundle (spec §3.2): one Compose file, perhaps an override of it, and the files that both refer to.
struct ComposeBundle: Sendable, Hashable {
  struct File: Sendable, Hashable {
    /// Relative to the bundle's root, without a leading slash.
    var path: String
    var isDirectory: Bool
    var isExecutable: Bool
  }

  /// The folder that holds the Compose file.
  var root: String
  /// Names in `root`, the override last.
  var composeFiles: [String]
  /// Everything but the Compose files and `.env`, sorted by path.
  var files: [File]
  var hasEnvironmentFile: Bool

  /// In the order in which Compose itself looks.
  static let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]

  /// More files than this are no bundle of static configuration.
  static let fileLimit = 20_000

  /// Finds the Compose file in `folder` or in the one folder inside it.
  init(folder: String) throws(RuntimeFailure) {
    let top = Self.entries(of: folder)
    var root = folder
    if !top.contains(where: Self.names.contains) {
      let folders = top.filter { !$0.hasPrefix(".") && Self.kind(of: "\(folder)/\($0)") == .typeDirectory }
      guard folders.count == 1 else { throw Self.invalid("it holds no docker-compose.yaml") }
      root = "\(folder)/\(folders[0])"
    }
    let entries = Set(Self.entries(of: root))
    guard let name = Self.names.first(where: entries.contains) else {
      throw Self.invalid("the folder \(root.split(separator: "/").last ?? "") in it holds no docker-compose.yaml")
    }
    let base = name.prefix { $0 != "." }
    self.root = root
    composeFiles = [name] + ["yaml", "yml"].map { "\(base).override.\($0)" }.filter(entries.contains).prefix(1)
    hasEnvironmentFile = entries.contains(".env")
    files = []
    try collect("", without: Set(composeFiles).union([".env"]))
    files.sort { $0.path < $1.path }
  }

  /// Names the files' paths and contents, whatever the Compose files say: bundles that differ only in these share their
  /// project directory, and with it the paths of bind mounts.
  func contentDigest() throws(RuntimeFailure) -> String {
    var digest = SHA256()
    for file in files {
      let kind = file.isDirectory ? "directory" : file.isExecutable ? "program" : "file"
      do {
        let content = file.isDirectory ? [] : Array(try Data(contentsOf: URL(filePath: "\(root)/\(file.path)")))
        digest.update(Array("\(kind) \(file.path.utf8.count) \(file.path) \(content.count)\n".utf8))
        digest.update(content)
      } catch {
        throw Self.invalid("\(file.path) cannot be read: \(fileErrorText(error))")
      }
    }
    return digest.finalize().hexadecimal
  }

  private mutating func collect(_ folder: String, without excluded: Set<String>) throws(RuntimeFailure) {
    for name in Self.entries(of: folder.isEmpty ? root : "\(root)/\(folder)") {
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      if excluded.contains(path) { continue }
      guard files.count < Self.fileLimit else { throw Self.invalid("it holds more than \(Self.fileLimit) files") }
      switch Self.kind(of: "\(root)/\(path)") {
      case .typeDirectory:
        files.append(File(path: path, isDirectory: true, isExecutable: true))
        try collect(path, without: [])
      case .typeRegular:
        let isExecutable = FileManager.default.isExecutableFile(atPath: "\(root)/\(path)")
        files.append(File(path: path, isDirectory: false, isExecutable: isExecutable))
      default: throw Self.invalid("\(path) is neither a file nor a folder")
      }
    }
  }

  private static func entries(of folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  private static func kind(of path: String) -> FileAttributeType? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
  }

  private static func invalid(_ what: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "InvalidBundle", message: "The Compose bundle cannot be used: \(what)")
  }
}
