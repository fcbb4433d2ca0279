import Cryptography
import HTTPTransport
import Synchronization

/// What a store says an object's bytes come to.
enum ObjectChecksum: Sendable, Hashable {
  case sha256([UInt8])
  case md5([UInt8])

  /// Nil where the text is not base 64 of as many bytes as a digest has: of one that is made of several, for example.
  init?(sha256 text: String?) {
    guard let bytes = text.flatMap({ Base64.decode($0) }), bytes.count == SHA256Digest.byteCount else { return nil }
    self = .sha256(bytes)
  }

  init?(md5 text: String?) {
    guard let bytes = text.flatMap({ Base64.decode($0) }), bytes.count == MD5.byteCount else { return nil }
    self = .md5(bytes)
  }
}

/// An object's bytes on their way, counted, and compared with its checksum where the store has one. For one reader.
final class ObjectBody: Sendable {
  enum Step {
    case piece([UInt8])
    case end
    /// What came is not what is stored; says why, for a sentence that begins with the store's name.
    case damaged(String)
  }

  let info: ObjectInfo
  private let expected: ObjectChecksum?
  private let body: HTTPBodySequence.Iterator
  private let progress: Mutex<Progress>

  private struct Progress: ~Copyable {
    var rest: Int
    var sha256: SHA256?
    var md5: MD5?
  }

  /// - Parameter byteCount: that are to come.
  init(_ body: HTTPBodySequence, info: ObjectInfo, byteCount: Int, checksum: ObjectChecksum?) {
    self.info = info
    self.body = body.makeAsyncIterator()
    var progress = Progress(rest: byteCount, sha256: nil, md5: nil)
    switch checksum {
    case .sha256?: progress.sha256 = SHA256()
    case .md5?: progress.md5 = MD5()
    case nil: break
    }
    // Where the system has no MD5, the store's is of no use.
    let isComparable = progress.sha256 != nil || progress.md5 != nil
    expected = isComparable ? checksum : nil
    self.progress = Mutex(progress)
  }

  func next() async throws(HTTPTransportError) -> Step {
    var body = body
    let piece = try await body.next()
    return progress.withLock { progress in
      guard let piece else { return Self.end(&progress, expected) }
      progress.rest -= piece.count
      guard progress.rest >= 0 else { return .damaged("sends more than it announced") }
      progress.sha256?.update(piece)
      progress.md5?.update(piece)
      return .piece(piece)
    }
  }

  private static func end(_ progress: inout Progress, _ expected: ObjectChecksum?) -> Step {
    guard progress.rest == 0 else { return .damaged("sent less than it announced") }
    let actual: ObjectChecksum? =
      if let hash = progress.sha256.take() {
        .sha256(hash.finalize().bytes)
      } else if let hash = progress.md5.take() {
        .md5(hash.finalize())
      } else {
        nil
      }
    // Asked for once more after the end there is nothing left to compare.
    guard let expected, let actual, actual != expected else { return .end }
    return .damaged("sent bytes that do not have the object's checksum")
  }
}
