/// An object, or a part of it, on its way: pieces of at most some hundred KiB, read no faster than they are asked for.
/// It can be read once, by one reader; what it holds open is closed with it.
public struct ObjectStream: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  /// Of the whole object.
  public let info: ObjectInfo
  let next: @Sendable () async throws(ObjectStorageError) -> [UInt8]?

  /// - Parameter next: gives the next piece, and nil at the end.
  public init(info: ObjectInfo, next: @escaping @Sendable () async throws(ObjectStorageError) -> [UInt8]?) {
    self.info = info
    self.next = next
  }

  /// To be stored elsewhere.
  public var content: ObjectContent { .stream(next) }

  public func makeAsyncIterator() -> Iterator { Iterator(read: next) }

  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let read: @Sendable () async throws(ObjectStorageError) -> [UInt8]?

    public mutating func next() async throws(ObjectStorageError) -> [UInt8]? { try await read() }
  }
}
