/// An object, or a part of it, on its way: pieces of at most some hundred KiB, read no faster than they are asked for.
/// It can be read once, by one reader; what it holds open is closed with it.
public struct ObjectStream: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  /// Of the whole object.
  public let info: ObjectInfo
  private let read: @Sendable () async throws(ObjectStorageError) -> [UInt8]?

  /// - Parameter read: gives the next piece, and nil at the end.
  public init(info: ObjectInfo, read: @escaping @Sendable () async throws(ObjectStorageError) -> [UInt8]?) {
    self.info = info
    self.read = read
  }

  public func makeAsyncIterator() -> Iterator { Iterator(read: read) }

  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let read: @Sendable () async throws(ObjectStorageError) -> [UInt8]?

    public mutating func next() async throws(ObjectStorageError) -> [UInt8]? { try await read() }
  }
}
