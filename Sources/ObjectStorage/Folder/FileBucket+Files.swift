import Files
import Glibc
import Threads

extension FileBucket {
  /// Folders within folders; each is held open while one is walked.
  static let maximumDepth = 32

  func check(_ key: String) throws(ObjectStorageError) {
    try ObjectKey.check(key, bucket: name)
    let parts = key.split(separator: "/")
    let fault: String? =
      if parts.count > Self.maximumDepth {
        "has more than \(Self.maximumDepth) parts"
      } else if parts.contains(where: { $0.utf8.count > 255 }) {
        "has a part of more than 255 bytes"
      } else if parts.contains(where: { $0.hasPrefix(ReplacementFile.prefix) }) {
        "has a part that begins with \(ReplacementFile.prefix)"
      } else {
        nil
      }
    if let fault { throw ObjectStorageError(code: .invalidKey, bucket: name, key: key, detail: "the key \(fault)") }
  }

  func open(_ key: String) throws(FileFault) -> OpenFile {
    try folder(of: key, creating: false).openFile(fileName(of: key))
  }

  func create(_ key: String) throws(FileFault) -> ReplacementFile {
    try ReplacementFile(in: folder(of: key, creating: true), name: fileName(of: key))
  }

  func write(_ source: borrowing OpenFile, to key: String) throws(FileFault) {
    var file = try create(key)
    try source.read { (piece) throws(FileFault) in try file.write(piece) }
    try file.commit()
  }

  func remove(_ key: String) throws(FileFault) {
    let folder = try folder(of: key, creating: false)
    guard unsafe unlinkat(folder.descriptor, fileName(of: key), 0) == 0 else { throw FileFault(errno) }
  }

  func tooLarge(_ key: String, limit: Int) -> ObjectStorageError {
    ObjectStorageError(
      code: .tooLarge, bucket: name, key: key, detail: "it has more than the allowed \(limit) bytes")
  }

  /// Does work with the bucket's files on a thread of its own, and turns what the operating system says about them into
  /// what it means for the caller.
  /// - Parameter work: returns a failure where that is not about the bucket's own files.
  func onDisk<Value: Sendable>(
    _ key: String?, _ work: @escaping @Sendable () throws(FileFault) -> Result<Value, ObjectStorageError>
  ) async throws(ObjectStorageError) -> Value {
    try await onOwnThread { () throws(ObjectStorageError) in
      let result: Result<Value, ObjectStorageError>
      do throws(FileFault) { result = try work() } catch { throw failure(error, key) }
      return try result.get()
    }
  }

  private func failure(_ fault: FileFault, _ key: String?) -> ObjectStorageError {
    var status = stat()
    if fault.isNotFound, unsafe stat(name, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR {
      return ObjectStorageError(
        code: .bucketNotFound, bucket: name, detail: "there is no such folder; create it or correct the bucket name")
    }
    let (code, detail): (ObjectStorageError.Code, String) =
      switch fault {
      case _ where fault.isNotFound: (.notFound, "there is no such object")
      case _ where fault.isDiskFull: (.diskFull, "the disk is full (\(fault.text)); free some space")
      case _ where fault.number == EACCES || fault.number == EPERM || fault.number == EROFS:
        (.accessDenied, "\(fault.text); correct the owner or mode of the bucket's folder")
      default: (.refused, fault.text)
      }
    return ObjectStorageError(code: code, bucket: name, key: key, detail: detail)
  }

  private func folder(of key: String, creating: Bool) throws(FileFault) -> Directory {
    var folder = try Directory(path: name)
    for part in key.split(separator: "/").dropLast() {
      folder = try folder.subdirectory(String(part), creating: creating)
    }
    return folder
  }

  private func fileName(of key: String) -> String { key.split(separator: "/").last.map(String.init) ?? key }
}

extension ObjectStorageError {
  /// About the file that an object is copied to or from.
  static func local(_ fault: FileFault, path: String, bucket: String, key: String) -> ObjectStorageError {
    fault.isDiskFull
      ? ObjectStorageError(
        code: .diskFull, bucket: bucket, key: key, detail: "no space for \(path) (\(fault.text)); free some space")
      : ObjectStorageError(
        code: .fileUnusable, bucket: bucket, key: key, detail: "the file \(path) cannot be used: \(fault.text)")
  }
}
