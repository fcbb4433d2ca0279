import Cryptography
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import ObjectStorage

@Suite struct GoogleCloudBucketTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")

  private func bucket(
    _ endpoint: String, name: String = "customer-wrktalk", _ credentials: GoogleCredentials = .anonymous,
    attempts: Int = 4
  ) -> GoogleCloudBucket {
    GoogleCloudBucket(
      name: name, endpoint: endpoint, credentials: credentials,
      access: StoreAccess(
        http: http, attempts: attempts, backoff: Backoff(base: .zero),
        uploads: UploadSizes(single: 1 << 20, part: 512 << 10)))
  }

  /// Against another's implementation of the interface.
  @Test(.needs(.googleStorage)) func bucketKeepsEveryPromise() async throws {
    let endpoint = try Testbed.location(of: .googleStorage)
    let name = "wrktalk-test-\(Hexadecimal.encode(SecureRandom.bytes(count: 8)))"
    let made = try await http.send(
      HTTPRequest(
        method: "POST", url: "\(endpoint)/storage/v1/b?project=test", headers: [("content-type", "application/json")],
        body: .bytes(Array("{\"name\":\"\(name)\"}".utf8))))
    #expect(made.isSuccess)
    let bucket = bucket(endpoint, name: name)
    await BucketConformance(bucket: bucket, partByteCount: 512 << 10).checkAll()
    let missing = await #expect(throws: ObjectStorageError.self) {
      try await self.bucket(endpoint, name: "wrktalk-test-missing").list(prefix: "", limit: 10, continuation: nil)
    }
    #expect(missing?.code == .bucketNotFound)
    for object in try await bucket.list(prefix: "", limit: 1000, continuation: nil).objects {
      try await bucket.delete(object.key)
    }
    _ = try await http.send(HTTPRequest(method: "DELETE", url: "\(endpoint)/storage/v1/b/\(name)"))
  }

  @Test func uploadThatBreaksOffGoesOnWhereItEnded() async throws {
    let server = try ResumableServer(losing: [2, 4, 5])
    let bytes = varied(count: 2_000_000)
    try await bucket(server.url).put("key", .bytes(bytes))
    #expect(server.stored == bytes)
    #expect(server.isFinished)
  }

  @Test func uploadThatIsLostMustBePutAgain() async throws {
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      if request.method == "POST" {
        connection.respond(200, headers: ["Location: https://elsewhere.example.com/upload?upload_id=secret"])
      } else {
        connection.respond(410)
      }
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket(server.url).put("key", .bytes([UInt8](repeating: 1, count: 2_000_000)))
    }
    #expect(error?.code == .unreachable)
    #expect(error?.detail.contains("put again") == true)
    #expect(error?.description.contains("secret") == false)
  }

  @Test func cancelledUploadIsEndedAtTheStore() async throws {
    let ended = RequestCounter()
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      switch request.method {
      case "POST": connection.respond(200, headers: ["Location: /upload?upload_id=1"])
      case "DELETE":
        ended.increment()
        connection.respond(499)
      default: connection.respond(308, headers: ["Range: bytes=0-524287"])
      }
    }
    let source = PieceSource([UInt8](repeating: 1, count: 1 << 20), pieceByteCount: 1 << 18)
    let task = Task {
      try await bucket(server.url).put(
        "key",
        .stream {
          let piece = source.next()
          if piece == nil { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
          return piece ?? [1]
        })
    }
    let error = await #expect(throws: ObjectStorageError.self) { try await task.value }
    #expect(error?.code == .cancelled)
    #expect(ended.value == 1)
  }

  @Test(arguments: [
    (
      404, "{\"error\":{\"errors\":[{\"reason\":\"notFound\"}],\"message\":\"No such object: b/k\"}}",
      ObjectStorageError.Code.notFound
    ),
    (404, "No such object: customer-wrktalk/key", .notFound),
    (404, "{\"error\":{\"message\":\"The specified bucket does not exist.\"}}", .bucketNotFound),
    (401, "{\"error\":{\"errors\":[{\"reason\":\"authError\"}]}}", .accessDenied), (403, "", .accessDenied),
    (403, "{\"error\":{\"errors\":[{\"reason\":\"rateLimitExceeded\"}]}}", .unreachable), (429, "", .unreachable),
    (403, "{\"error\":{\"errors\":[{\"reason\":\"quotaExceeded\"}]}}", .diskFull), (503, "", .unreachable),
    (302, "", .refused), (418, "<html>", .refused),
  ])
  func errorsOfTheStoreAreTranslated(status: Int, body: String, expected: ObjectStorageError.Code) {
    let error = bucket("https://storage.example.com").failure(
      HTTPResponse(status: status, body: Array(body.utf8)), key: "key")
    #expect(error.code == expected)
    #expect(error.description.contains("customer-wrktalk"))
    #expect(error.isTransient == (expected == .unreachable))
  }

  @Test func chunkLosesWhatArrived() {
    var chunk = UploadChunk(bytes: Array(0..<100), start: 1000, total: 1100)
    #expect(chunk.range == "bytes 1000-1099/1100")
    chunk.drop(upTo: 1040)
    #expect(chunk.range == "bytes 1040-1099/1100")
    #expect(Array(chunk.bytes) == Array(40..<100))
    chunk.drop(upTo: 1100)
    #expect(chunk.range == "bytes */1100")
    for (text, count) in [
      (nil, 0), ("bytes=0-0", 1), ("bytes=0-41", 42), ("bytes=1-41", nil), ("bytes=0--1", nil), ("0-41", nil),
      ("bytes=0-9223372036854775807", nil),
    ] as [(String?, Int?)] {
      #expect(UploadChunk.stored(text) == count)
    }
  }
}

/// Takes a resumable upload, and loses some of its requests in their midst: what it keeps of them is a part.
private final class ResumableServer: Sendable {
  private struct State {
    var stored: [UInt8] = []
    var isFinished = false
    var count = 0
  }

  private let state = Mutex(State())
  private let server = Mutex<LoopbackServer?>(nil)

  var url: String { server.withLock { $0?.url ?? "" } }
  var stored: [UInt8] { state.withLock { $0.stored } }
  var isFinished: Bool { state.withLock { $0.isFinished } }

  init(losing lost: Set<Int>) throws {
    let loopback = try LoopbackServer { [weak self] (request: ServerRequest, connection: ServerConnection) in
      guard request.method == "PUT" else {
        connection.respond(200, headers: ["Location: http://other.example.com/upload/session?upload_id=1"])
        return
      }
      guard let self, request.target == "/upload/session?upload_id=1" else {
        _ = connection.respond(404)
        return
      }
      let isLost = self.state.withLock { state in
        state.count += 1
        return lost.contains(state.count)
      }
      self.take(request, half: isLost)
      if isLost { return connection.hangUp() }
      let (count, isFinished) = self.state.withLock { ($0.stored.count, $0.isFinished) }
      if isFinished {
        connection.respond(200, body: Array("{\"name\":\"key\",\"size\":\"\(count)\",\"generation\":\"1\"}".utf8))
      } else {
        connection.respond(308, headers: count == 0 ? [] : ["Range: bytes=0-\(count - 1)"])
      }
    }
    server.withLock { $0 = loopback }
  }

  private func take(_ request: ServerRequest, half: Bool) {
    // `bytes 0-99/*`, `bytes 100-120/121`, `bytes */121`
    let text = (request.headers["content-range"] ?? "").dropFirst(6).split(separator: "/")
    state.withLock { state in
      guard text.count == 2 else { return }
      if let start = text[0].split(separator: "-").first.flatMap({ Int($0) }), start == state.stored.count {
        state.stored += half ? request.body.prefix(request.body.count / 2) : request.body[...]
      }
      if Int(text[1]) == state.stored.count, !half { state.isFinished = true }
    }
  }
}
