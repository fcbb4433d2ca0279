import Cryptography
import FoundationEssentials
import ObjectStorage
import Synchronization
import TestSupport
import Testing

/// What every kind of bucket does alike.
struct BucketConformance {
  let bucket: any Bucket
  /// How large the pieces are in which it stores what is large.
  var partByteCount = 1 << 20
  let folder = try? TemporaryFolder()

  func objectsComeBackAsTheyWereStored() async throws {
    for size in [0, 1, 100_000] {
      let bytes = varied(count: size)
      try await bucket.put("artifacts/object-\(size)", .bytes(bytes))
      #expect(try await bucket.get("artifacts/object-\(size)", maximumBytes: size) == bytes)
      let info = try #require(try await bucket.head("artifacts/object-\(size)"))
      #expect(info.size == size)
      #expect(!info.etag.isEmpty && !info.etag.contains("\""))
    }
  }

  func filesComeBackAsTheyWereStored() async throws {
    let folder = try #require(folder)
    let bytes = varied(count: 3_000_001)
    let source = folder.file("source")
    try Data(bytes).write(to: URL(filePath: source))
    try await bucket.put("bundles/large.tar.gz", .file(path: source))

    let target = try folder.write("an older file", to: "target")
    let info = try await bucket.get("bundles/large.tar.gz", toFile: target, maximumBytes: bytes.count)
    #expect(info.size == bytes.count)
    #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
    let attributes = try FileManager.default.attributesOfItem(atPath: target)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["source", "target"])
  }

  func objectsAreReplacedAndDeleted() async throws {
    try await bucket.put("config/values.yaml", .bytes([1]))
    let first = try await bucket.head("config/values.yaml")
    try await bucket.put("config/values.yaml", .bytes([2, 3]))
    #expect(try await bucket.get("config/values.yaml", maximumBytes: 10) == [2, 3])
    #expect(try await bucket.head("config/values.yaml")?.etag != first?.etag)
    try await bucket.delete("config/values.yaml")
    try await bucket.delete("config/values.yaml")
    #expect(try await bucket.head("config/values.yaml") == nil)
  }

  func missingObjectIsNotFoundAndLeavesNoFile() async throws {
    let folder = try #require(folder)
    let target = folder.file("never")
    let inMemory = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("no/such/object", maximumBytes: 10)
    }
    let toFile = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("no/such/object", toFile: target, maximumBytes: 10)
    }
    for error in [inMemory, toFile] {
      #expect(error?.code == .notFound)
      #expect(error?.description.contains("no/such/object") == true)
      #expect(error?.description.contains(bucket.name) == true)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  func objectThatIsTooLargeLeavesNoFile() async throws {
    let folder = try #require(folder)
    try await bucket.put("large", .bytes([UInt8](repeating: 1, count: 500_000)))
    let target = folder.file("large")
    let toFile = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("large", toFile: target, maximumBytes: 499_999)
    }
    let inMemory = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("large", maximumBytes: 499_999)
    }
    #expect(toFile?.code == .tooLarge)
    #expect(inMemory?.code == .tooLarge)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  func objectsAreStreamedWholeAndInParts() async throws {
    let bytes = varied(count: 1_000_000)
    try await bucket.put("streamed", .bytes(bytes))
    let etag = try await bucket.head("streamed")?.etag
    for range in [nil, 0..<1, 0..<1_000_000, 300_000..<900_001, 999_999..<1_000_000, 5..<5] as [Range<Int>?] {
      let stream = try await bucket.read("streamed", range: range)
      #expect(stream.info == ObjectInfo(key: "streamed", size: bytes.count, etag: etag ?? ""))
      var read: [UInt8] = []
      for try await piece in stream {
        #expect(!piece.isEmpty && piece.count < bytes.count)
        read += piece
      }
      #expect(read == Array(range.map { bytes[$0] } ?? bytes[...]))
    }
    try await bucket.put("empty", .bytes([]))
    for try await _ in try await bucket.read("empty", range: nil) { Issue.record("there is nothing to read") }
    for range in [0..<1_000_001, 2_000_000..<2_000_001] {
      let error = await #expect(throws: ObjectStorageError.self) { try await bucket.read("streamed", range: range) }
      #expect(error?.code == .refused)
    }
    for range in [nil, 0..<0, 0..<1] as [Range<Int>?] {
      let error = await #expect(throws: ObjectStorageError.self) { try await bucket.read("no/such", range: range) }
      #expect(error?.code == .notFound)
    }
    // What is not read to its end holds nothing open.
    for _ in 0..<50 {
      var iterator = try await bucket.read("streamed", range: nil).makeAsyncIterator()
      #expect(try await iterator.next()?.isEmpty == false)
    }
  }

  func streamsAreStoredWholeWhateverTheirSize() async throws {
    // Nothing, less than a piece, a piece, a byte more.
    for size in [0, 1000, partByteCount, partByteCount + 1] {
      let bytes = varied(count: size)
      let source = PieceSource(bytes, pieceByteCount: 200_000)
      try await bucket.put("streams/object", .stream { source.next() })
      #expect(try await bucket.get("streams/object", maximumBytes: size) == bytes)
      #expect(try await bucket.head("streams/object")?.size == size)
    }
  }

  func largeFilesAreStoredInPieces() async throws {
    let folder = try #require(folder)
    let bytes = varied(count: 2 * partByteCount + 12_345)
    try Data(bytes).write(to: URL(filePath: folder.file("source")))
    try await bucket.put("pieces/large.tgz", .file(path: folder.file("source")))
    try await bucket.get("pieces/large.tgz", toFile: folder.file("target"), maximumBytes: bytes.count)
    #expect(try Data(contentsOf: URL(filePath: folder.file("target"))) == Data(bytes))
    let others = varied(count: partByteCount + 1)
    try await bucket.put("pieces/large.tgz", .bytes(others))
    #expect(try await bucket.get("pieces/large.tgz", maximumBytes: bytes.count) == others)
  }

  /// Also where the caller is cancelled in its midst.
  func uploadThatBreaksOffLeavesTheOldObject() async throws {
    try await bucket.put("broken/kept", .bytes([1, 2, 3]))
    for key in ["broken/kept", "broken/new"] {
      let source = PieceSource([UInt8](repeating: 7, count: partByteCount + 200_000), pieceByteCount: 100_000)
      let error = await #expect(throws: ObjectStorageError.self) {
        try await bucket.put(
          key,
          .stream { () async throws(ObjectStorageError) -> [UInt8]? in
            if let piece = source.next() { return piece }
            throw ObjectStorageError(code: .unreachable, bucket: "the vendor", detail: "the line broke")
          })
      }
      #expect(error?.detail == "the line broke")
    }
    let source = PieceSource([UInt8](repeating: 7, count: partByteCount + 200_000), pieceByteCount: 100_000)
    let task = Task { [bucket] in
      try await bucket.put(
        "broken/kept",
        .stream { () async throws(ObjectStorageError) -> [UInt8]? in
          let piece = source.next()
          if piece == nil { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
          return piece ?? [9]
        })
    }
    let cancelled = await #expect(throws: ObjectStorageError.self) { try await task.value }
    #expect(cancelled?.code == .cancelled)
    #expect(try await bucket.get("broken/kept", maximumBytes: 10) == [1, 2, 3])
    #expect(
      try await bucket.list(prefix: "broken/", limit: 10, continuation: nil).objects.map(\.key) == ["broken/kept"])
  }

  func objectsAreCopied() async throws {
    let bytes = varied(count: 300_000)
    try await bucket.put("copies/a b+%ü", .bytes(bytes))
    try await bucket.put("copies/target", .bytes([1]))
    for target in ["copies/target", "copies/other folder/target", "copies/a b+%ü"] {
      try await bucket.copy(from: "copies/a b+%ü", to: target)
      #expect(try await bucket.get(target, maximumBytes: bytes.count) == bytes)
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket.copy(from: "copies/missing", to: "copies/never")
    }
    #expect(error?.code == .notFound)
    #expect(error?.key == "copies/missing")
    #expect(try await bucket.head("copies/never") == nil)
  }

  func unusableLocalFileIsNamed() async throws {
    try await bucket.put("small", .bytes([1]))
    let target = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("small", toFile: "/nonexistent/folder/file", maximumBytes: 10)
    }
    let source = await #expect(throws: ObjectStorageError.self) {
      try await bucket.put("small", .file(path: "/nonexistent/folder/file"))
    }
    for error in [target, source] {
      #expect(error?.code == .fileUnusable)
      #expect(error?.description.contains("/nonexistent/folder/file") == true)
    }
  }

  func keysAreListedOnceEachInPages() async throws {
    let keys = ["list/a.txt", "list/a/1", "list/a/2", "list/a/b/c", "list/a0", "list/b", "list/é", "list/z z+%"]
    for key in keys.shuffled() { try await bucket.put(key, .bytes(Array(key.utf8))) }
    for limit in [1, 2, 3, 7, 8, 1000] {
      var listed: [ObjectInfo] = []
      var continuation: String?
      repeat {
        let page = try await bucket.list(prefix: "list/", limit: limit, continuation: continuation)
        #expect(page.objects.count <= limit)
        listed += page.objects
        continuation = page.continuation
      } while continuation != nil
      #expect(listed.map(\.key).sorted() == keys.sorted())
      #expect(listed.allSatisfy { $0.size == $0.key.utf8.count })
    }
    #expect(try await bucket.list(prefix: "list/a/", limit: 10, continuation: nil).objects.count == 3)
    #expect(try await bucket.list(prefix: "list/a", limit: 10, continuation: nil).objects.count == 5)
    #expect(try await bucket.list(prefix: "nothing", limit: 10, continuation: nil).objects.isEmpty)
  }

  func keysWithUnusualCharactersAreKeptApart() async throws {
    let keys = [
      "odd/a b", "odd/a+b", "odd/a%20b", "odd/a?b=c&d", "odd/a#b", "odd/ü", "odd/~$'()*!,;:@=", "odd/.hidden",
    ]
    for key in keys { try await bucket.put(key, .bytes(Array(key.utf8))) }
    for key in keys { #expect(try await bucket.get(key, maximumBytes: 100) == Array(key.utf8)) }
    #expect(Set(try await bucket.list(prefix: "odd/", limit: 100, continuation: nil).objects.map(\.key)) == Set(keys))
  }

  func hostileKeysAreRefused() async throws {
    let keys = [
      "", "/etc/passwd", "../outside", "a/../../outside", "a/..", "..", ".", "./a", "a//b", "a/", "a\0b", "a\nb",
      String(repeating: "a", count: 1025),
    ]
    for key in keys {
      let errors = [
        await #expect(throws: ObjectStorageError.self) { try await bucket.get(key, maximumBytes: 10) },
        await #expect(throws: ObjectStorageError.self) { try await bucket.put(key, .bytes([])) },
        await #expect(throws: ObjectStorageError.self) { try await bucket.head(key) },
        await #expect(throws: ObjectStorageError.self) { try await bucket.read(key, range: nil) },
        await #expect(throws: ObjectStorageError.self) { try await bucket.delete(key) },
        await #expect(throws: ObjectStorageError.self) { try await bucket.copy(from: key, to: "target") },
        await #expect(throws: ObjectStorageError.self) { try await bucket.copy(from: "source", to: key) },
        await #expect(throws: ObjectStorageError.self) {
          try await bucket.get(key, toFile: "/nonexistent", maximumBytes: 10)
        },
      ]
      for error in errors { #expect(error?.code == .invalidKey) }
    }
  }

  func manyCallsAtOnceDoNotDisturbEachOther() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<40 {
        group.addTask {
          let bytes = [UInt8](repeating: UInt8(number), count: 10_000 + number)
          try await bucket.put("many/\(number % 4)/\(number)", .bytes(bytes))
          #expect(try await bucket.get("many/\(number % 4)/\(number)", maximumBytes: 20_000) == bytes)
        }
      }
      try await group.waitForAll()
    }
    #expect(try await bucket.list(prefix: "many/", limit: 1000, continuation: nil).objects.count == 40)
  }

  enum Promise: String, CaseIterable, Sendable {
    case objectsComeBackAsTheyWereStored, filesComeBackAsTheyWereStored, objectsAreReplacedAndDeleted
    case missingObjectIsNotFoundAndLeavesNoFile, objectThatIsTooLargeLeavesNoFile, unusableLocalFileIsNamed
    case keysAreListedOnceEachInPages, keysWithUnusualCharactersAreKeptApart, hostileKeysAreRefused
    case manyCallsAtOnceDoNotDisturbEachOther, objectsAreStreamedWholeAndInParts, objectsAreCopied
    case streamsAreStoredWholeWhateverTheirSize, largeFilesAreStoredInPieces, uploadThatBreaksOffLeavesTheOldObject
  }

  func check(_ promise: Promise) async throws {
    switch promise {
    case .objectsComeBackAsTheyWereStored: try await objectsComeBackAsTheyWereStored()
    case .filesComeBackAsTheyWereStored: try await filesComeBackAsTheyWereStored()
    case .objectsAreReplacedAndDeleted: try await objectsAreReplacedAndDeleted()
    case .objectsAreStreamedWholeAndInParts: try await objectsAreStreamedWholeAndInParts()
    case .missingObjectIsNotFoundAndLeavesNoFile: try await missingObjectIsNotFoundAndLeavesNoFile()
    case .objectThatIsTooLargeLeavesNoFile: try await objectThatIsTooLargeLeavesNoFile()
    case .unusableLocalFileIsNamed: try await unusableLocalFileIsNamed()
    case .keysAreListedOnceEachInPages: try await keysAreListedOnceEachInPages()
    case .keysWithUnusualCharactersAreKeptApart: try await keysWithUnusualCharactersAreKeptApart()
    case .hostileKeysAreRefused: try await hostileKeysAreRefused()
    case .manyCallsAtOnceDoNotDisturbEachOther: try await manyCallsAtOnceDoNotDisturbEachOther()
    case .objectsAreCopied: try await objectsAreCopied()
    case .streamsAreStoredWholeWhateverTheirSize: try await streamsAreStoredWholeWhateverTheirSize()
    case .largeFilesAreStoredInPieces: try await largeFilesAreStoredInPieces()
    case .uploadThatBreaksOffLeavesTheOldObject: try await uploadThatBreaksOffLeavesTheOldObject()
    }
  }

  /// All of them on one bucket, one after the other.
  func checkAll() async {
    for promise in Promise.allCases {
      do {
        try await BucketConformance(bucket: bucket, partByteCount: partByteCount).check(promise)
      } catch {
        Issue.record("\(promise): \(error)")
      }
    }
  }
}

/// Others each time, and different at every place where a piece may begin: made fast.
func varied(count: Int) -> [UInt8] {
  let block = SecureRandom.bytes(count: 4093)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + block.count)
  while bytes.count < count { bytes += block }
  bytes.removeLast(bytes.count - count)
  return bytes
}

/// Hands out bytes piece by piece.
final class PieceSource: Sendable {
  private let rest: Mutex<ArraySlice<UInt8>>
  private let pieceByteCount: Int

  init(_ bytes: [UInt8], pieceByteCount: Int) {
    rest = Mutex(bytes[...])
    self.pieceByteCount = pieceByteCount
  }

  func next() -> [UInt8]? {
    rest.withLock { rest in
      guard !rest.isEmpty else { return nil }
      let piece = Array(rest.prefix(pieceByteCount))
      rest = rest.dropFirst(pieceByteCount)
      return piece
    }
  }
}
