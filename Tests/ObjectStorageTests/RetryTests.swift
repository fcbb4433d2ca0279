import HTTPTransport
import TestSupport
import Testing
import WireFormats

@testable import ObjectStorage

@Suite struct RetryTests {
  @Test func storeThatIsDownIsAskedAgainAndThenGivenUp() async throws {
    let clock = ManualClock()
    let bucket = S3Bucket(
      name: "artifacts", region: "us-east-1", endpoint: "http://127.0.0.1:1",
      credentials: .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "secret")),
      access: StoreAccess(
        http: HTTPClient(userAgent: "test"), attempts: 3, clock: clock, now: { Timestamp(seconds: 0) }, random: { 1 }))
    let asking = Task { try await bucket.get("key", maximumBytes: 10) }
    for pause in [200, 400] {
      await clock.waitForSleepers(1)
      clock.advance(by: .milliseconds(pause))
    }
    let error = await #expect(throws: ObjectStorageError.self) { try await asking.value }
    #expect(error?.code == .unreachable)
    #expect(error?.isTransient == true)
    #expect(
      error?.description == "object key in bucket artifacts: cannot connect to 127.0.0.1:1: Connection refused")
  }

  @Test func cancellationEndsThePause() async throws {
    let clock = ManualClock()
    let bucket = S3Bucket(
      name: "artifacts", region: "us-east-1", endpoint: "http://127.0.0.1:1",
      credentials: .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "secret")),
      access: StoreAccess(http: HTTPClient(userAgent: "test"), clock: clock))
    let asking = Task { try await bucket.head("key") }
    await clock.waitForSleepers(1)
    asking.cancel()
    let error = await #expect(throws: ObjectStorageError.self) { try await asking.value }
    #expect(error?.code == .cancelled)
  }

  @Test(arguments: [
    (404, "NoSuchKey", ObjectStorageError.Code.notFound), (404, "NoSuchBucket", .bucketNotFound), (404, "", .notFound),
    (403, "AccessDenied", .accessDenied), (403, "SignatureDoesNotMatch", .accessDenied),
    (403, "InvalidAccessKeyId", .accessDenied), (400, "ExpiredToken", .accessDenied),
    (403, "RequestTimeTooSkewed", .accessDenied), (301, "PermanentRedirect", .refused), (302, "", .refused),
    (400, "AuthorizationHeaderMalformed", .refused), (400, "EntityTooLarge", .tooLarge),
    (503, "SlowDown", .unreachable),
    (507, "XMinioStorageFull", .diskFull), (400, "BadDigest", .unreachable), (500, "", .unreachable),
    (429, "", .unreachable), (507, "", .diskFull), (418, "", .refused),
  ])
  func errorsOfTheStoreAreTranslated(status: Int, code: String, expected: ObjectStorageError.Code) {
    let bucket = S3Bucket(
      name: "artifacts", region: "us-east-1",
      credentials: .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "secret")),
      access: StoreAccess(http: HTTPClient(userAgent: "test")))
    let body = code.isEmpty ? "" : "<Error><Code>\(code)</Code></Error>"
    let error = bucket.failure(HTTPResponse(status: status, body: Array(body.utf8)), key: "key")
    #expect(error.code == expected)
    #expect(error.description.contains("artifacts"))
    #expect(error.description.contains("status \(status)"))
  }
}
