import Cryptography
import Files
import Glibc
import Threads

/// Where artifacts lie on this disk until the bucket has them, named by the digests that they are to have: an unfinished one,
/// the tag of the answer that it came with, and one that is whole and verified.
struct DownloadFolder: Sendable {
  let path: String

  private static let partial = ".partial"
  private static let tag = ".tag"
  private static let whole = ".artifact"
  private static let maximumTagBytes = 256

  func wholePath(_ digest: String) -> String { "\(path)/\(digest)\(Self.whole)" }

  private func partialPath(_ digest: String) -> String { "\(path)/\(digest)\(Self.partial)" }

  /// The size of one that is whole and still has its digest; nil where there is none.
  func wholeByteCount(_ digest: String) async throws(FileFault) -> Int64? {
    let (folder, path) = (self.path, wholePath(digest))
    return try await onOwnThread { () throws(FileFault) in
      let folder = try Directory(path: folder)
      guard let status = folder.status(of: digest + Self.whole), status.kind == S_IFREG else { return nil }
      guard (try? SHA256.digest(ofFile: path))?.hexadecimal == digest else {
        try folder.removeFile(digest + Self.whole)
        return nil
      }
      return Int64(status.st_size)
    }
  }

  func openPartial(_ digest: String) async throws(FileFault) -> PartialFile {
    let path = partialPath(digest)
    return try await onOwnThread { () throws(FileFault) in try PartialFile(path: path) }
  }

  /// The tag that goes with what is there.
  func tag(_ digest: String) async -> String? {
    let path = "\(self.path)/\(digest)\(Self.tag)"
    return await onOwnThread {
      guard let file = try? OpenFile(path: path), file.size <= Self.maximumTagBytes else { return nil }
      var bytes: [UInt8] = []
      guard (try? file.read { bytes += $0 }) != nil else { return nil }
      let text = String(decoding: bytes, as: UTF8.self)
      return text.isEmpty ? nil : text
    }
  }

  /// - Parameter tag: nil where the answer bore none that a condition may name: what comes of it is not continued.
  func setTag(_ tag: String?, of digest: String) async throws(FileFault) {
    let path = "\(self.path)/\(digest)\(Self.tag)"
    try await onOwnThread { () throws(FileFault) in
      var file = try ReplacementFile(path: path)
      try file.write(Array((tag ?? "").utf8))
      try file.commit(isDurable: false)
    }
  }

  /// What was unfinished is whole.
  func finish(_ digest: String) async throws(FileFault) {
    let path = path
    try await onOwnThread { () throws(FileFault) in
      let folder = try Directory(path: path)
      try folder.rename(digest + Self.partial, to: digest + Self.whole)
      try folder.removeFile(digest + Self.tag)
    }
  }

  /// Removes all of one artifact.
  func remove(_ digest: String) async throws(FileFault) {
    let path = path
    try await onOwnThread { () throws(FileFault) in
      let folder = try Directory(path: path)
      for suffix in [Self.partial, Self.tag, Self.whole] { try folder.removeFile(digest + suffix) }
    }
  }

  /// Removes what belongs to none of the digests.
  func removeAll(besides digests: Set<String>) async throws(FileFault) {
    let path = path
    try await onOwnThread { () throws(FileFault) in
      let folder = try Directory(path: path)
      for name in try folder.names() {
        let digest = String(name.prefix { $0 != "." })
        let isOurs = [Self.partial, Self.tag, Self.whole].contains { name == digest + $0 }
        if isOurs, !digests.contains(digest) { try folder.removeFile(name) }
      }
    }
  }

  /// How many bytes the disk has room for; nil where that cannot be found out.
  func freeBytes() async -> Int64? {
    let path = path
    return await onOwnThread {
      var status = statvfs()
      guard unsafe statvfs(path, &status) == 0 else { return nil }
      let (bytes, isTooMany) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(
        by: Int64(clamping: status.f_frsize))
      return isTooMany ? .max : bytes
    }
  }
}
