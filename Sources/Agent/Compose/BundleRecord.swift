/// What the Agent laid into a project's folder, so that it can tell the bundle's files from what containers wrote.
struct BundleRecord: Sendable, Hashable, Codable {
  struct Entry: Sendable, Hashable, Codable {
    /// Every content that the Agent may have laid here, as SHA-256: while files are being laid, of two releases. Empty for
    /// a folder.
    var sha256: Set<String>
    var mode: UInt16
    /// A container mounts it, or a folder around it, for writing.
    var isWritable = false
    /// Seconds since 1970. What was made before may use what lay here then.
    var laidAt: Int64
    /// What the file looked like when it was last found to be right; nil for a folder.
    var stamp: FolderTree.Stamp?

    var isFolder: Bool { sha256.isEmpty }
  }

  /// By path, relative to the project's folder.
  var entries: [String: Entry] = [:]

  /// When anything at or below one of `paths` was last laid.
  func lastLaid(below paths: [String]) -> Int64? {
    entries.lazy.filter { entry in paths.contains { BundlePath.contains($0, entry.key) } }.map(\.value.laidAt).max()
  }
}

/// Relations of paths that are relative to one folder; `""` is the folder itself.
enum BundlePath {
  /// Whether `path` is `folder` or lies in it.
  static func contains(_ folder: String, _ path: String) -> Bool {
    folder.isEmpty || path == folder || (path.hasPrefix(folder) && path.dropFirst(folder.count).hasPrefix("/"))
  }

  static func parents(of path: String) -> [String] {
    let components = path.split(separator: "/")
    return components.indices.dropFirst().map { components[..<$0].joined(separator: "/") }
  }
}
