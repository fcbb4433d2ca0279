import Cryptography
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ObjectStorage

/// Against the testbed's S3 server, which checks signatures.
@Suite(.needs(.s3)) struct S3BucketTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")
  private let credentials = S3Credentials(
    accessKeyID: Testbed.variable("WRKTALK_TEST_S3_ACCESS_KEY") ?? "testkey",
    secretAccessKey: Testbed.variable("WRKTALK_TEST_S3_SECRET_KEY") ?? "testsecret")

  private func bucket(_ name: String, credentials: S3Credentials? = nil) throws -> S3Bucket {
    S3Bucket(
      name: name, region: "us-east-1", endpoint: try Testbed.location(of: .s3),
      credentials: .fixed(credentials ?? self.credentials),
      // S3 takes no smaller parts.
      access: StoreAccess(http: http, uploads: UploadSizes(single: 6 << 20, part: 5 << 20)))
  }

  private func makeBucket() async throws -> S3Bucket {
    let bucket = try bucket("wrktalk-test-\(Hexadecimal.encode(SecureRandom.bytes(count: 8)))")
    let response = try await http.send(bucket.request("PUT", nil))
    #expect(response.isSuccess, "\(String(decoding: response.body, as: UTF8.self))")
    return bucket
  }

  private func remove(_ bucket: S3Bucket) async throws {
    while true {
      let listing = try await bucket.list(prefix: "", limit: 1000, continuation: nil)
      for object in listing.objects { try await bucket.delete(object.key) }
      if listing.continuation == nil { break }
    }
    _ = try await http.send(bucket.request("DELETE", nil))
  }

  /// One bucket for all of it: small stores reserve volumes for every bucket and have few of them.
  @Test func storeKeepsEveryPromiseOfABucket() async throws {
    let bucket = try await makeBucket()
    await BucketConformance(bucket: bucket, partByteCount: 5 << 20).checkAll()
    #expect(try await unfinishedUploads(bucket) == 0)
    try await remove(bucket)
  }

  private func unfinishedUploads(_ bucket: S3Bucket) async throws -> Int? {
    let response = try await bucket.send("GET", nil, query: [("uploads", "")])
    let root = try #require(XMLParser.parse(response.body))
    #expect(root.name == "ListMultipartUploadsResult")
    return root.all("Upload").count
  }

  @Test func wrongSecretIsSaidWithoutShowingIt() async throws {
    let stranger = try bucket(
      "wrktalk-test-missing",
      credentials: S3Credentials(accessKeyID: credentials.accessKeyID, secretAccessKey: "not-the-secret"))
    let error = await #expect(throws: ObjectStorageError.self) { try await stranger.get("key", maximumBytes: 10) }
    #expect(error?.code == .accessDenied)
    #expect(error?.description.contains("AWS_SECRET_ACCESS_KEY") == true)
    #expect(error?.description.contains("not-the-secret") == false)
  }

  @Test func missingBucketIsToldFromAMissingObject() async throws {
    let bucket = try bucket("wrktalk-test-missing")
    let error = await #expect(throws: ObjectStorageError.self) {
      try await bucket.list(prefix: "", limit: 10, continuation: nil)
    }
    #expect(error?.code == .bucketNotFound)
  }
}
