import Cryptography
import FoundationEssentials
import Glibc
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import ObjectStorage

/// What becomes of a bucket's work where the store, or the line to it, is not as it should be.
@Suite struct RemoteBucketTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")

  private func bucket(_ url: String, attempts: Int = 3, stallTimeout: Duration = .seconds(30)) -> S3Bucket {
    S3Bucket(
      name: "artifacts", region: "us-east-1", endpoint: url,
      credentials: .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "the-secret")),
      access: StoreAccess(
        http: http, attempts: attempts, backoff: Backoff(base: .zero), stallTimeout: stallTimeout,
        uploads: UploadSizes(single: 256 << 10, part: 256 << 10)))
  }

  @Test func objectThatIsCutOffIsReadAgain() async throws {
    let requests = RequestCounter()
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      if requests.increment() < 3 {
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: \"1\"\r\n\r\nabc")
        connection.hangUp()
      } else {
        connection.respond(200, headers: ["ETag: \"1\""], body: Array("abcdef".utf8))
      }
    }
    let folder = try TemporaryFolder()
    _ = try await bucket(server.url).get("key", toFile: folder.file("target"), maximumBytes: 10)
    #expect(try String(contentsOfFile: folder.file("target"), encoding: .utf8) == "abcdef")
    #expect(requests.value == 3)
  }

  @Test func streamThatIsCutOffDoesNotEndAsIfItWereWhole() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: \"1\"\r\n\r\nabc")
      connection.hangUp()
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      for try await _ in try await bucket(server.url).read("key", range: nil) {}
    }
    #expect(error?.code == .unreachable)
  }

  @Test func storeThatStandsStillIsGivenUp() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: \"1\"\r\n\r\nabc")
      connection.waitForClose()
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url, attempts: 1, stallTimeout: .milliseconds(100)).get("key", maximumBytes: 10)
    }
    #expect(error?.code == .unreachable)
    #expect(error?.isTransient == true)
  }

  @Test func nobodyIsFollowedToAnotherHost() async throws {
    let visits = RequestCounter()
    let other = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      visits.increment()
      connection.respond(200)
    }
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.respond(307, headers: ["Location: \(other.url)/artifacts/key"])
    }
    let bucket = bucket(server.url)
    let errors = [
      await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) },
      await #expect(throws: ObjectStorageError.self) { try await bucket.put("key", .bytes([1])) },
      await #expect(throws: ObjectStorageError.self) { try await bucket.delete("key") },
      await #expect(throws: ObjectStorageError.self) {
        try await bucket.list(prefix: "", limit: 1, continuation: nil)
      },
    ]
    for error in errors {
      #expect(error?.code == .refused)
      #expect(error?.description.contains("sends elsewhere") == true)
    }
    #expect(visits.value == 0)
  }

  @Test func listWithoutEndIsRefused() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult>")
      while connection.write([UInt8](repeating: 0x20, count: 256 << 10)) {}
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url).list(prefix: "", limit: 1, continuation: nil)
    }
    #expect(error?.code == .tooLarge)
    #expect(error?.isTransient == false)
  }

  // MARK: Uploads in parts

  /// Answers an upload in parts; `complete` says how its end is answered, by how often it was asked.
  private func partServer(
    aborted: RequestCounter, complete: @escaping @Sendable (Int, ServerConnection) -> Void
  ) throws -> LoopbackServer {
    let completions = RequestCounter()
    return try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      switch (request.method, request.target.split(separator: "?").last ?? "") {
      case ("POST", "uploads="):
        connection.respond(
          200,
          body: Array("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>".utf8))
      case ("PUT", _): connection.respond(200, headers: ["ETag: \"\(request.body.count)\""])
      case ("POST", "uploadId=u1"): complete(completions.increment(), connection)
      case ("DELETE", "uploadId=u1"):
        aborted.increment()
        connection.respond(204)
      default: connection.respond(400)
      }
    }
  }

  private static func failed(_ code: String) -> [UInt8] { Array("<Error><Code>\(code)</Code></Error>".utf8) }

  @Test func failureUnderTheStatusOfSuccessIsOne() async throws {
    let aborted = RequestCounter()
    let server = try partServer(aborted: aborted) { count, connection in
      connection.respond(
        200, body: count == 1 ? Self.failed("InternalError") : Array("<CompleteMultipartUploadResult/>".utf8))
    }
    try await bucket(server.url).put("key", .bytes([UInt8](repeating: 1, count: 300_000)))
    #expect(aborted.value == 0)
  }

  @Test func uploadWhoseEndIsUnknownMustBePutAgain() async throws {
    let aborted = RequestCounter()
    let server = try partServer(aborted: aborted) { count, connection in
      if count == 1 { connection.hangUp() } else { connection.respond(404, body: Self.failed("NoSuchUpload")) }
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url).put("key", .bytes([UInt8](repeating: 1, count: 300_000)))
    }
    #expect(error?.code == .unreachable)
    #expect(error?.detail.contains("must be put again") == true)
  }

  @Test func refusedUploadIsAbortedAtTheStore() async throws {
    let aborted = RequestCounter()
    let server = try partServer(aborted: aborted) { _, connection in
      connection.respond(403, body: Self.failed("AccessDenied"))
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url).put("key", .bytes([UInt8](repeating: 1, count: 300_000)))
    }
    #expect(error?.code == .accessDenied)
    #expect(aborted.value == 1)
  }

  @Test func fileThatShrinksMeanwhileIsNotStored() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: "a", count: 600_000), to: "source")
    let aborted = RequestCounter()
    let completed = RequestCounter()
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      switch (request.method, request.target.split(separator: "?").last ?? "") {
      case ("POST", "uploads="):
        _ = unsafe truncate(path, 300_000)
        connection.respond(
          200,
          body: Array("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>".utf8))
      case ("PUT", _): connection.respond(200, headers: ["ETag: \"1\""])
      case ("DELETE", _):
        aborted.increment()
        connection.respond(204)
      default:
        completed.increment()
        connection.respond(200)
      }
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url).put("key", .file(path: path))
    }
    #expect(error?.code == .fileUnusable)
    #expect(error?.description.contains(path) == true)
    #expect(aborted.value == 1 && completed.value == 0)
  }
}
