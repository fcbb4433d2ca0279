import FoundationEssentials
import ObjectStorage
import TestSupport
import Testing

@Suite struct FileBucketTests {
  @Test(arguments: BucketConformance.Promise.allCases)
  func folderKeepsEveryPromiseOfABucket(promise: BucketConformance.Promise) async throws {
    let folder = try TemporaryFolder()
    try await BucketConformance(bucket: FileBucket(path: folder.path)).check(promise)
    withExtendedLifetime(folder) {}
  }

  @Test func symbolicLinksDoNotLeadOutOfTheFolder() async throws {
    let outside = try TemporaryFolder()
    try outside.write("secret", to: "secret")
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: outside.path)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("file"), withDestinationPath: outside.file("secret"))
    let bucket = FileBucket(path: folder.path)
    for key in ["link/secret", "file"] {
      let error = await #expect(throws: ObjectStorageError.self) { try await bucket.get(key, maximumBytes: 100) }
      #expect(error?.code == .notFound)
    }
    await #expect(throws: ObjectStorageError.self) { try await bucket.put("link/new", .bytes([1])) }
    try await bucket.delete("link/secret")
    #expect(try await bucket.list(prefix: "", limit: 10, continuation: nil).objects.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["secret"])
    // A stored object takes the place of the link, not of the file it points to.
    try await bucket.put("file", .bytes(Array("mine".utf8)))
    #expect(try String(contentsOfFile: outside.file("secret"), encoding: .utf8) == "secret")
  }

  @Test func missingFolderIsToldFromAMissingObject() async throws {
    let bucket = FileBucket(path: "/nonexistent/bucket")
    let errors = [
      await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) },
      await #expect(throws: ObjectStorageError.self) { try await bucket.put("key", .bytes([])) },
      await #expect(throws: ObjectStorageError.self) {
        try await bucket.list(prefix: "", limit: 10, continuation: nil)
      },
    ]
    for error in errors {
      #expect(error?.code == .bucketNotFound)
      #expect(error?.description.contains("/nonexistent/bucket") == true)
    }
  }

  @Test func failedPutLeavesTheOldObject() async throws {
    let folder = try TemporaryFolder()
    let bucket = FileBucket(path: folder.path)
    try await bucket.put("key", .bytes([1]))
    await #expect(throws: ObjectStorageError.self) { try await bucket.put("key", .file(path: "/nonexistent")) }
    #expect(try await bucket.get("key", maximumBytes: 10) == [1])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key"])
  }

  @Test func keysAreListedInTheOrderOfTheirBytes() async throws {
    let folder = try TemporaryFolder()
    let bucket = FileBucket(path: folder.path)
    let keys = ["a.txt", "a/1", "a/2", "a/b/c", "a0", "b", "é"]
    for key in keys.shuffled() { try await bucket.put(key, .bytes([])) }
    #expect(try await bucket.list(prefix: "", limit: 1000, continuation: nil).objects.map(\.key) == keys)
    #expect(try await bucket.list(prefix: "", limit: 2, continuation: "a/1").objects.map(\.key) == ["a/2", "a/b/c"])
  }

  @Test func unfinishedFilesOfACrashAreNotListedAndNotReachable() async throws {
    let folder = try TemporaryFolder()
    try folder.write("half", to: "artifacts/.wrktalk-partial-0011")
    let bucket = FileBucket(path: folder.path)
    #expect(try await bucket.list(prefix: "", limit: 10, continuation: nil).objects.isEmpty)
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket.get("artifacts/.wrktalk-partial-0011", maximumBytes: 10)
    }
    #expect(error?.code == .invalidKey)
  }
}
