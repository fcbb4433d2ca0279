import Files
import Glibc

/// A bucket that is a folder: the embedded default, and what a shared disk is used through.
///
/// A key is the path of a file below the folder. Symbolic links below it are not followed and not listed.
public struct FileBucket: Bucket {
  /// The folder.
  public let name: String

  /// - Parameter path: of a folder that exists.
  public init(path: String) { self.name = path }

  public func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8] {
    try check(key)
    return try await onDisk(key) { () throws(FileFault) in
      let file = try open(key)
      guard file.size <= maximumBytes else { return .failure(tooLarge(key, limit: maximumBytes)) }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(file.size)
      try file.read { (piece) throws(FileFault) in bytes += piece }
      return bytes.count <= maximumBytes ? .success(bytes) : .failure(tooLarge(key, limit: maximumBytes))
    }
  }

  public func get(
    _ key: String, toFile path: String, maximumBytes: Int
  ) async throws(ObjectStorageError) -> ObjectInfo {
    try check(key)
    return try await onDisk(key) { () throws(FileFault) in
      let file = try open(key)
      guard file.size <= maximumBytes else { return .failure(tooLarge(key, limit: maximumBytes)) }
      let info = ObjectInfo(key: key, size: file.size, etag: file.etag)
      do throws(FileFault) {
        var copy = try ReplacementFile(path: path)
        var count = 0
        try file.read { (piece) throws(FileFault) in
          count += piece.count
          // A file that grows while it is read must not fill the disk.
          guard count <= maximumBytes else { throw FileFault(EFBIG) }
          try copy.write(piece)
        }
        try copy.commit()
      } catch {
        return .failure(.local(error, path: path, bucket: name, key: key))
      }
      return .success(info)
    }
  }

  public func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError) {
    try check(key)
    switch content {
    case .bytes(let bytes):
      try await onDisk(key) { () throws(FileFault) in
        var file = try create(key)
        try file.write(bytes)
        try file.commit()
        return .success(())
      }
    case .file(let path):
      try await onDisk(key) { () throws(FileFault) -> Result<Void, ObjectStorageError> in
        let source: OpenFile
        do throws(FileFault) {
          source = try OpenFile(path: path)
        } catch {
          return .failure(.local(error, path: path, bucket: name, key: key))
        }
        try write(source, to: key)
        return .success(())
      }
    case .stream(let next):
      try await put(key, stream: next)
    }
  }

  public func copy(from source: String, to target: String) async throws(ObjectStorageError) {
    try check(source)
    try check(target)
    try await onDisk(source) { () throws(FileFault) in
      try write(open(source), to: target)
      return .success(())
    }
  }

  public func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try check(key)
    do {
      return try await onDisk(key) { () throws(FileFault) in
        let file = try open(key)
        return .success(ObjectInfo(key: key, size: file.size, etag: file.etag))
      }
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  public func list(
    prefix: String, limit: Int, continuation: String?
  ) async throws(ObjectStorageError) -> ObjectListing {
    try await onDisk(nil) { () throws(FileFault) in
      var walk = FolderWalk(prefix: prefix, after: continuation, limit: min(max(limit, 1), 1000))
      try walk.visit(Directory(path: name))
      return .success(walk.listing)
    }
  }

  public func delete(_ key: String) async throws(ObjectStorageError) {
    try check(key)
    try await onDisk(key) { () throws(FileFault) in
      do throws(FileFault) {
        try remove(key)
      } catch  where error.isNotFound {
        // Gone is what was asked for.
      }
      return .success(())
    }
  }
}
