import ObjectStorage

/// A bucket whose calls a test holds up, counts or has fail.
struct InterceptedBucket: Bucket {
  enum Call: Sendable {
    case read
    case put
    case head
    case list
    case delete
  }

  typealias Interception = @Sendable (Call) async throws(ObjectStorageError) -> Void

  let base: any Bucket
  var before: Interception = { (_: Call) async throws(ObjectStorageError) in }
  var after: Interception = { (_: Call) async throws(ObjectStorageError) in }

  var name: String { base.name }

  private func intercepted<Value>(
    _ call: Call, _ body: () async throws(ObjectStorageError) -> Value
  ) async throws(ObjectStorageError) -> Value {
    try await before(call)
    let value = try await body()
    try await after(call)
    return value
  }

  func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8] {
    try await intercepted(.read) { () throws(ObjectStorageError) in try await base.get(key, maximumBytes: maximumBytes)
    }
  }

  func get(_ key: String, toFile path: String, maximumBytes: Int) async throws(ObjectStorageError) -> ObjectInfo {
    try await intercepted(.read) { () throws(ObjectStorageError) in
      try await base.get(key, toFile: path, maximumBytes: maximumBytes)
    }
  }

  func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream {
    try await intercepted(.read) { () throws(ObjectStorageError) in try await base.read(key, range: range) }
  }

  func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError) {
    try await intercepted(.put) { () throws(ObjectStorageError) in try await base.put(key, content) }
  }

  func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try await intercepted(.head) { () throws(ObjectStorageError) in try await base.head(key) }
  }

  func list(prefix: String, limit: Int, continuation: String?) async throws(ObjectStorageError) -> ObjectListing {
    try await intercepted(.list) { () throws(ObjectStorageError) in
      try await base.list(prefix: prefix, limit: limit, continuation: continuation)
    }
  }

  func delete(_ key: String) async throws(ObjectStorageError) {
    try await intercepted(.delete) { () throws(ObjectStorageError) in try await base.delete(key) }
  }
}

extension InterceptedBucket {
  /// Nobody answers.
  static var closed: InterceptedBucket {
    InterceptedBucket(
      base: FileBucket(path: "/nowhere"),
      before: { (_: Call) async throws(ObjectStorageError) in
        throw ObjectStorageError(code: .unreachable, bucket: "closed", detail: "nobody answers")
      })
  }
}
