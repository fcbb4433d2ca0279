import Cryptography
import Testing
import WireFormats

@testable import ObjectStorage

/// The request and the keys of Amazon's published examples.
@Suite struct RequestSignatureTests {
  private func authorization(_ headers: [(name: String, value: String)]) -> String? {
    headers.first { $0.name == "authorization" }?.value
  }

  // "get-vanilla" of the test suite of Signature Version 4.
  @Test func plainRequestHasThePublishedSignature() throws {
    let signature = RequestSignature(
      credentials: S3Credentials(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
      region: "us-east-1", service: "service")
    let headers = signature.headers(
      signing: "GET", path: "/", query: [], headers: [("Host", "example.amazonaws.com")],
      payload: SHA256.digest(of: ""),
      at: try #require(Timestamp("2015-08-30T12:36:00Z")))
    #expect(
      authorization(headers)
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=host;x-amz-date, "
        + "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
  }

  // "get-vanilla-query-order-key-case" of the same.
  @Test func queryIsSignedInOrder() throws {
    let signature = RequestSignature(
      credentials: S3Credentials(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
      region: "us-east-1", service: "service")
    let headers = signature.headers(
      signing: "GET", path: "/", query: [("Param2", "value2"), ("Param1", "value1")],
      headers: [("Host", "example.amazonaws.com")], payload: SHA256.digest(of: ""),
      at: try #require(Timestamp("2015-08-30T12:36:00Z")))
    #expect(
      authorization(headers)?.hasSuffix("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500") == true)
  }

  // "GET Bucket Lifecycle" and "GET Object" of the S3 API reference.
  @Test func requestsToS3HaveThePublishedSignatures() throws {
    let signature = RequestSignature(
      credentials: S3Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
      region: "us-east-1")
    let moment = try #require(Timestamp("2013-05-24T00:00:00Z"))
    let host = "examplebucket.s3.amazonaws.com"
    let object = signature.headers(
      signing: "GET", path: "/test.txt", query: [], headers: [("host", host), ("range", "bytes=0-9")],
      payload: SHA256.digest(of: ""), at: moment)
    #expect(
      authorization(object)
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    let list = signature.headers(
      signing: "GET", path: "/", query: [("prefix", "J"), ("max-keys", "2")], headers: [("host", host)],
      payload: SHA256.digest(of: ""), at: moment)
    #expect(
      authorization(list)?.hasSuffix("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7") == true)
  }

  @Test func sessionTokenIsSentAndSigned() throws {
    let signature = RequestSignature(
      credentials: S3Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "T"), region: "eu-west-1")
    let headers = signature.headers(
      signing: "GET", path: "/", query: [], headers: [("host", "h")], payload: SHA256.digest(of: ""),
      at: Timestamp(seconds: 0))
    #expect(headers.contains { $0.name == "x-amz-security-token" && $0.value == "T" })
    #expect(authorization(headers)?.contains("x-amz-security-token") == true)
  }

  @Test func pathsKeepTheirSlashesAndEncodeEveryOtherReservedByte() {
    let location = S3Location(bucket: "b", region: "eu-west-1", endpoint: nil)
    #expect(location.path(of: "a b/ü+~") == "/a%20b/%C3%BC%2B~")
    #expect(RequestSignature.queryText([("b", "2/"), ("a", "x y"), ("a", "")]) == "a=&a=x%20y&b=2%2F")
  }

  @Test(arguments: [
    ("artifacts", nil, "https://artifacts.s3.eu-west-1.amazonaws.com", "/k/1"),
    ("my.artifacts", nil, "https://s3.eu-west-1.amazonaws.com", "/my.artifacts/k/1"),
    ("artifacts", "http://127.0.0.1:8333", "http://127.0.0.1:8333", "/artifacts/k/1"),
  ])
  func bucketIsInTheHostOrInThePath(bucket: String, endpoint: String?, origin: String, path: String) {
    let location = S3Location(bucket: bucket, region: "eu-west-1", endpoint: endpoint)
    #expect(location.origin == origin)
    #expect(location.path(of: "k/1") == path)
    #expect(origin.hasSuffix(location.host))
  }
}
