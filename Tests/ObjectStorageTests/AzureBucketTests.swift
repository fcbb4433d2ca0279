import Cryptography
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import ObjectStorage

/// Against a server that checks who asks.
@Suite struct AzureBucketTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")
  private let key = AzureCredentials.sharedKey(account: AzureServer.account, key: AzureServer.key)

  private func bucket(
    _ server: AzureServer, _ credentials: AzureCredentials? = nil, container: String = AzureServer.container,
    attempts: Int = 4, now: @escaping @Sendable () -> Timestamp = SystemTime.now
  ) -> AzureBucket {
    AzureBucket(
      container: container, endpoint: server.endpoint, credentials: credentials ?? key,
      access: StoreAccess(
        http: http, attempts: attempts, backoff: Backoff(base: .zero), now: now,
        uploads: UploadSizes(single: 1 << 20, part: 512 << 10)))
  }

  @Test(arguments: BucketConformance.Promise.allCases)
  func containerKeepsEveryPromiseOfABucket(promise: BucketConformance.Promise) async throws {
    let server = try AzureServer()
    try await BucketConformance(bucket: bucket(server), partByteCount: 512 << 10).check(promise)
  }

  @Test func sharedAccessSignatureIsAsGoodAsAKey() async throws {
    let server = try AzureServer()
    let bucket = bucket(server, .sharedAccessSignature(AzureServer.signature))
    await BucketConformance(bucket: bucket, partByteCount: 512 << 10).checkAll()
  }

  @Test func tokenOfAnIdentityIsAsGoodAsAKey() async throws {
    let machine = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      guard request.headers["metadata"] == "true",
        request.target.hasPrefix("/metadata/identity/oauth2/token?"),
        request.target.contains("resource=https%3A%2F%2Fstorage.azure.com%2F")
      else {
        _ = connection.respond(400)
        return
      }
      let answer: JSONValue = [
        "access_token": .string(AzureServer.token), "expires_in": "3600", "expires_on": "4102444800",
      ]
      connection.respond(200, body: answer.serialized())
    }
    let server = try AzureServer()
    let bucket = bucket(server, .identity(.instance(endpoint: machine.url, client: nil)))
    await BucketConformance(bucket: bucket, partByteCount: 512 << 10).checkAll()
    // One token for all of it.
    #expect(machine.acceptedConnections == 1)
  }

  @Test func wrongKeysAreSaidWithoutShowingThem() async throws {
    let server = try AzureServer()
    let signature = "sv=2021-12-02&sig=bm90LXRoZS1zaWduYXR1cmU%3D"
    let wrong: [(AzureCredentials, String)] = [
      (.sharedKey(account: AzureServer.account, key: Array("not-the-key".utf8)), "AccountKey"),
      (.sharedAccessSignature(signature), "SharedAccessSignature"),
    ]
    for (credentials, remedy) in wrong {
      let error = await #expect(throws: ObjectStorageError.self) {
        try await bucket(server, credentials).get("key", maximumBytes: 10)
      }
      #expect(error?.code == .accessDenied)
      #expect(error?.isTransient == false)
      #expect(error?.description.contains(remedy) == true)
      let text = String(reflecting: error) + String(reflecting: credentials)
      for secret in ["not-the-key", Base64.encode(Array("not-the-key".utf8)), "bm90LXRoZS1zaWduYXR1cmU"] {
        #expect(!text.contains(secret))
      }
    }
  }

  @Test func clockThatIsOffIsTheReason() async throws {
    let server = try AzureServer()
    let bucket = bucket(server) { SystemTime.now() + .seconds(-3600) }
    let error = await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) }
    #expect(error?.code == .accessDenied)
    #expect(error?.detail.contains("this machine's clock is 60 minutes slow") == true, "\(error?.detail ?? "")")
  }

  @Test func missingContainerIsToldFromAMissingObject() async throws {
    let server = try AzureServer()
    let bucket = bucket(server, container: "another")
    let errors = [
      await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) },
      await #expect(throws: ObjectStorageError.self) { try await bucket.head("key") },
      await #expect(throws: ObjectStorageError.self) { try await bucket.put("key", .bytes([])) },
      await #expect(throws: ObjectStorageError.self) { try await bucket.delete("key") },
      await #expect(throws: ObjectStorageError.self) {
        try await bucket.list(prefix: "", limit: 10, continuation: nil)
      },
    ]
    for error in errors { #expect(error?.code == .bucketNotFound) }
  }

  @Test func keysThatAzureWouldChangeAreRefused() async throws {
    let server = try AzureServer()
    for key in ["a\\b", "a./b", "a.", String(repeating: "a/", count: 254) + "a"] {
      let error = await #expect(throws: ObjectStorageError.self) {
        try await bucket(server).put(key, .bytes([]))
      }
      #expect(error?.code == .invalidKey)
    }
  }

  @Test func uploadGoesOnOverFailuresThatPass() async throws {
    let requests = RequestCounter()
    let server = try AzureServer { request, connection in
      // Every second request is in vain, in one way or another.
      let number = requests.increment()
      guard number.isMultiple(of: 2) else { return false }
      if number.isMultiple(of: 4) {
        connection.hangUp()
      } else {
        connection.respond(503, headers: ["x-ms-error-code: ServerBusy"])
      }
      return true
    }
    let bytes = varied(count: 3_000_000)
    try await bucket(server).put("key", .bytes(bytes))
    #expect(try await bucket(server).get("key", maximumBytes: bytes.count) == bytes)
    #expect(server.looseBlockCount == 0)
  }

  @Test func damagedBytesAreNeverTakenForTheObject() async throws {
    let server = try AzureServer { request, connection in
      guard request.method == "GET" else { return false }
      // Of the right length, with the digest of [1, 2, 3].
      connection.respond(200, headers: ["Content-MD5: Uonfc331cyb8pJjGl5ghGA=="], body: [1, 2, 4])
      return true
    }
    let bucket = bucket(server, attempts: 2)
    let error = await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) }
    #expect(error?.code == .unreachable)
    #expect(error?.detail.contains("checksum") == true)
    let streamed = await #expect(throws: ObjectStorageError.self) {
      for try await _ in try await bucket.read("key", range: nil) {}
    }
    #expect(streamed?.detail.contains("checksum") == true)
  }
}
