import ObjectStorage

/// A bucket that is slow to put, or fails.
struct SlowBucket: Bucket {
  let bucket: any Bucket
  let delay: Duration
  var fails: @Sendable () -> Bool = { false }
  /// Called before each object is read.
  var willRead: @Sendable () async -> Void = {}

  var name: String { bucket.name }

  func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError) {
    do { try await Task.sleep(for: delay) } catch {
      throw ObjectStorageError(code: .cancelled, bucket: name, key: key, detail: "cancelled")
    }
    if fails() { throw ObjectStorageError(code: .unreachable, bucket: name, key: key, detail: "no connection") }
    try await bucket.put(key, content)
  }

  func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8] {
    try await bucket.get(key, maximumBytes: maximumBytes)
  }
  func get(_ key: String, toFile path: String, maximumBytes: Int) async throws(ObjectStorageError) -> ObjectInfo {
    try await bucket.get(key, toFile: path, maximumBytes: maximumBytes)
  }
  func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream {
    await willRead()
    return try await bucket.read(key, range: range)
  }
  func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? { try await bucket.head(key) }
  func list(prefix: String, limit: Int, continuation: String?) async throws(ObjectStorageError) -> ObjectListing {
    try await bucket.list(prefix: prefix, limit: limit, continuation: continuation)
  }
  func delete(_ key: String) async throws(ObjectStorageError) { try await bucket.delete(key) }
}
