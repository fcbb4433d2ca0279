/// A named place for objects: a bucket of S3 or of Google's cloud, a container of Azure, or a folder.
///
/// Keys are relative paths such as `artifacts/helm/wrktalk-2.3.0.tgz`: at most 1,024 bytes, no empty, `.` or `..` part,
/// no control character. Every other key is refused with `invalidKey` before anything is touched.
public protocol Bucket: Sendable {
  /// For messages: what the configuration calls it.
  var name: String { get }

  /// The whole object in memory.
  /// - Throws: `notFound`; `tooLarge` where it has more than `maximumBytes`.
  func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8]

  /// Writes the object to a file that appears, whole and on the disk, or not at all; an existing one is replaced.
  /// The file is readable by its owner only.
  /// - Throws: `notFound`; `tooLarge` where it has more than `maximumBytes`; `diskFull`; `fileUnusable`.
  @discardableResult
  func get(_ key: String, toFile path: String, maximumBytes: Int) async throws(ObjectStorageError) -> ObjectInfo

  /// The object, or the bytes of `range`, as a stream: its size does not matter.
  /// - Throws: `notFound`; `refused` where the object ends before the range does.
  func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream

  /// Creates or replaces the object, whole or not at all: also where the task is cancelled or the program ends meanwhile. What is
  /// large goes in pieces of some MiB, each tried again by itself, and no more than one of them is in memory.
  /// - Throws: what a stream throws; `diskFull` where the store is full; `fileUnusable`.
  func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError)

  /// Creates or replaces `target` with what `source` holds. The store does it by itself where it can.
  /// - Throws: `notFound` where there is no `source`.
  func copy(from source: String, to target: String) async throws(ObjectStorageError)

  /// Nil where there is no such object.
  func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo?

  /// The next objects, each once, in an order that stays the same. Most sort keys by their bytes; not every store does.
  /// - Parameters:
  ///   - limit: 1 to 1,000.
  ///   - continuation: of the listing before; nil to begin.
  func list(prefix: String, limit: Int, continuation: String?) async throws(ObjectStorageError) -> ObjectListing

  /// Succeeds too where there is no such object.
  func delete(_ key: String) async throws(ObjectStorageError)
}

/// What is to be stored.
public enum ObjectContent: Sendable {
  case bytes([UInt8])
  /// Streamed: its size does not matter.
  case file(path: String)
  /// Read once, piece by piece, without being told its size first.
  /// - Parameter next: gives the next piece, and nil at the end.
  case stream(_ next: @Sendable () async throws(ObjectStorageError) -> [UInt8]?)
}

extension Bucket {
  /// Through this program, for a bucket that has no better way.
  public func copy(from source: String, to target: String) async throws(ObjectStorageError) {
    try await put(target, read(source, range: nil).content)
  }
}

public struct ObjectInfo: Sendable, Hashable {
  public var key: String
  /// In bytes.
  public var size: Int
  /// Changes when the object is replaced by another one; means nothing else.
  public var etag: String

  public init(key: String, size: Int, etag: String) {
    self.key = key
    self.size = size
    self.etag = etag
  }
}

public struct ObjectListing: Sendable, Hashable {
  public var objects: [ObjectInfo]
  /// Nil at the end of the list.
  public var continuation: String?

  public init(objects: [ObjectInfo], continuation: String? = nil) {
    self.objects = objects
    self.continuation = continuation
  }
}
