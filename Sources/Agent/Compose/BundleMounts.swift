import ComposeBundles
import Cryptography
import WireFormats

/// What the services of a project mount of its folder, as bind mounts, configs and secrets.
struct BundleMounts: Sendable, Hashable {
  struct Mount: Sendable, Hashable {
    /// Relative to the project's folder; `""` is all of it.
    var path: String
    var isWritable: Bool
  }

  /// By service.
  var mounts: [String: [Mount]] = [:]

  /// On a container: a digest of what the bundle brings of what it mounts. Compose's own hash knows only the paths, so
  /// without it a container would not be recreated when only a file's content changes.
  static let label = "com.wrktalk.deploy.mounted-files"

  init(mounts: [String: [Mount]] = [:]) { self.mounts = mounts }

  /// - Parameters:
  ///   - file: the resolved Compose file.
  ///   - folder: the project directory that it was resolved in.
  init(of file: JSONValue, folder: String) {
    for (name, service) in file["services"]?.object ?? [:] {
      var found = (service["volumes"]?.array ?? []).compactMap { Self.mount($0, folder) }
      for kind in ["configs", "secrets"] {
        for reference in service[kind]?.array ?? [] {
          let source = reference.string ?? reference["source"]?.string ?? ""
          guard let path = file[kind]?[source]?["file"]?.string.flatMap({ Self.relative($0, to: folder) }) else {
            continue
          }
          found.append(Mount(path: path, isWritable: false))
        }
      }
      if !found.isEmpty { mounts[name] = found }
    }
  }

  private static func mount(_ volume: JSONValue, _ folder: String) -> Mount? {
    // docker-compose 1 writes `SOURCE:TARGET:MODE`.
    if let text = volume.string {
      let parts = text.split(separator: ":")
      guard parts.count > 1, let path = relative(String(parts[0]), to: folder) else { return nil }
      let isReadOnly = parts.count > 2 && parts[2].split(separator: ",").contains("ro")
      return Mount(path: path, isWritable: !isReadOnly)
    }
    guard volume["type"]?.string == "bind",
      let path = volume["source"]?.string.flatMap({ relative($0, to: folder) })
    else { return nil }
    return Mount(path: path, isWritable: volume["read_only"]?.bool != true)
  }

  /// Nil for what lies elsewhere.
  private static func relative(_ path: String, to folder: String) -> String? {
    if path == folder || path == "\(folder)/" { return "" }
    return path.hasPrefix("\(folder)/") ? String(path.dropFirst(folder.count + 1)) : nil
  }

  /// Whether a container may write to what lies there.
  func isWritable(_ path: String) -> Bool {
    mounts.values.contains { $0.contains { $0.isWritable && BundlePath.contains($0.path, path) } }
  }

  /// Whether a container mounts it, or a folder around it.
  func covers(_ path: String) -> Bool {
    mounts.values.contains { $0.contains { BundlePath.contains($0.path, path) } }
  }

  /// Whether it is mounted itself.
  func isSource(_ path: String) -> Bool { mounts.values.contains { $0.contains { $0.path == path } } }

  /// What the label says of each service that mounts anything of `files`.
  /// - Parameter key: without it nobody can find out what settings hold by trying.
  func labels(for files: [ComposeBundle.File], key: [UInt8]) -> [String: String] {
    mounts.compactMapValues { mounts in
      let mounted = files.filter { file in mounts.contains { BundlePath.contains($0.path, file.path) } }
      guard !mounted.isEmpty else { return nil }
      var message: [UInt8] = []
      for file in mounted {
        // Modes are set where they are; only whether a file can be run is part of what it is.
        let kind = file.sha256.map { (file.isExecutable ? "program " : "file ") + $0 } ?? "folder"
        message += Array("\(file.path.utf8.count) \(file.path) \(kind)\n".utf8)
      }
      let isSecret = mounted.contains { $0.path == ComposeBundle.environmentFile }
      return isSecret
        ? String(Hexadecimal.encode(HMACSHA256.authenticationCode(for: message, key: key)).prefix(32))
        : String(SHA256.digest(of: message).hexadecimal.prefix(32))
    }
  }
}
