import Cryptography
import FoundationEssentials
import HTTPTransport
import TestSupport
import Testing
import WireFormats

@testable import ObjectStorage

/// Requests as the clouds' own clients sign them; `vectors.py` makes them.
@Suite struct VectorTests {
  struct Request: Decodable, Sendable {
    var name: String
    var method: String
    var url: String
    var headers: [String: String]
    var body: String
    var token: String?

    var bytes: [UInt8] { Base64.decode(body) ?? [] }

    /// Percent-encoded, and the query's names and values as they are meant.
    var target: (path: String, query: [(name: String, value: String)]) {
      let address = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
      let parts = address.split(separator: "?", maxSplits: 1)
      let pairs = parts.count < 2 ? [] : parts[1].split(separator: "&")
      let query = pairs.map { pair -> (name: String, value: String) in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (PercentEncoding.decode(sides[0]) ?? "", sides.count > 1 ? PercentEncoding.decode(sides[1]) ?? "" : "")
      }
      return (String(parts[0]), query)
    }

    var host: String { String(url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" && $0 != "?" }) }
  }

  private struct File: Decodable {
    struct Azure: Decodable {
      var account: String
      var key: String
      var container: String
      var requests: [Request]
    }
    struct AWS: Decodable {
      var accessKeyID: String
      var secretAccessKey: String
      var region: String
      var bucket: String
      var requests: [Request]
    }
    struct Google: Decodable {
      var serviceAccount: JSONValue
      var assertion: String
      var bucket: String
      var requests: [Request]
    }

    var moment: Timestamp
    var key: String
    var copy: String
    var body: String
    var azure: Azure
    var aws: AWS
    var google: Google
  }

  private let file: File
  private let access: StoreAccess

  init() throws {
    let path = "\(Testbed.repository)/Tests/Fixtures/buckets/vectors.json"
    let file = try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path)))).decoded(as: File.self)
    self.file = file
    access = StoreAccess(http: HTTPClient(userAgent: "test"), now: { file.moment })
  }

  /// The same method, address and body, and every header that the other client sends.
  private func expect(_ own: HTTPRequest, equals request: Request, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(own.method == request.method, "\(request.name)", sourceLocation: sourceLocation)
    let (left, right) = (own.url.split(separator: "?"), request.url.split(separator: "?"))
    #expect(left.first == right.first, "\(request.name)", sourceLocation: sourceLocation)
    func pairs(_ parts: [Substring]) -> [String] {
      (parts.count > 1 ? parts[1].split(separator: "&") : []).map {
        $0.hasSuffix("=") ? String($0.dropLast()) : String($0)
      }
      .sorted()
    }
    #expect(pairs(left) == pairs(right), "\(request.name)", sourceLocation: sourceLocation)
    for (name, value) in request.headers where name != "content-length" {
      let own = own.headers.first { $0.name.lowercased() == name }?.value
      #expect(own == value, "\(request.name): \(name)", sourceLocation: sourceLocation)
    }
    if case .bytes(let bytes) = own.body {
      #expect(bytes == request.bytes, "\(request.name)", sourceLocation: sourceLocation)
    } else {
      #expect(request.bytes.isEmpty, "\(request.name)", sourceLocation: sourceLocation)
    }
  }

  // MARK: Azure

  @Test func requestsToAzureAreSignedAsItsClientSignsThem() throws {
    let signature = SharedKeySignature(account: file.azure.account, key: try #require(Base64.decode(file.azure.key)))
    #expect(file.azure.requests.count == 18)
    for request in file.azure.requests {
      let headers = request.headers.filter { $0.key != "authorization" }.map { (name: $0.key, value: $0.value) }
      let (path, query) = request.target
      let authorization = signature.authorization(
        signing: request.method, path: path, query: query, headers: headers, contentLength: request.bytes.count)
      #expect(authorization == request.headers["authorization"], "\(request.name)")
    }
  }

  @Test func requestsToAzureAreThoseOfItsClient() async throws {
    for request in file.azure.requests {
      let endpoint =
        request.url.hasPrefix("https") ? "https://\(request.host)" : "http://\(request.host)/\(file.azure.account)"
      let bucket = AzureBucket(
        container: file.azure.container, endpoint: endpoint,
        credentials: .sharedKey(
          account: file.azure.account, key: try #require(Base64.decode(file.azure.key))), access: access)
      let body = UploadBody(Array(file.body.utf8))
      let own: HTTPRequest
      switch request.name {
      case "put": own = try await bucket.request("PUT", file.key, headers: bucket.headers(ofWhole: body), body: body)
      case "block":
        own = try await bucket.request(
          "PUT", file.key, query: request.target.query, headers: bucket.headers(ofBlock: body), body: body)
      case "range": own = try await bucket.reading(file.key, range: 3..<7)
      case "head": own = try await bucket.request("HEAD", file.key)
      case "delete":
        own = try await bucket.request("DELETE", file.key, headers: [("x-ms-delete-snapshots", "include")])
      case "list": own = try await bucket.request("GET", nil, query: bucket.listing("artifacts/ü", 7, "next"))
      case "copy": own = try await bucket.request("PUT", file.copy, headers: bucket.headers(ofCopy: file.key))
      // That client reads pieces only, and writes its list of blocks in another way.
      default: continue
      }
      expect(own, equals: request)
    }
  }

  // MARK: AWS

  private func credentials(_ request: Request) -> S3Credentials {
    S3Credentials(
      accessKeyID: file.aws.accessKeyID, secretAccessKey: file.aws.secretAccessKey, sessionToken: request.token)
  }

  @Test func requestsToS3AreSignedAsItsClientSignsThem() throws {
    #expect(file.aws.requests.count == 40)
    for request in file.aws.requests {
      let signature = RequestSignature(credentials: credentials(request), region: file.aws.region)
      let added: Set = ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"]
      let headers = request.headers.filter { !added.contains($0.key) }.map { (name: $0.key, value: $0.value) }
      let (path, query) = request.target
      let signed = signature.headers(
        signing: request.method, path: path, query: query, headers: [("host", request.host)] + headers,
        payload: SHA256.digest(of: request.bytes), at: file.moment)
      for (name, value) in request.headers {
        #expect(signed.first { $0.name == name }?.value == value, "\(request.name): \(name)")
      }
    }
  }

  @Test func requestsToS3AreThoseOfItsClient() async throws {
    for request in file.aws.requests {
      let bucket = S3Bucket(
        name: file.aws.bucket, region: file.aws.region,
        endpoint: request.url.hasPrefix("https") ? nil : "http://\(request.host)",
        credentials: .fixed(credentials(request)), access: access)
      let body = UploadBody(Array(file.body.utf8))
      let own: HTTPRequest
      switch request.name {
      case "put": own = try await bucket.request("PUT", file.key, headers: bucket.headers(ofWhole: body), body: body)
      case "get": own = try await bucket.reading(file.key, range: nil)
      case "range": own = try await bucket.reading(file.key, range: 3..<7)
      case "head", "delete": own = try await bucket.request(request.method, file.key)
      case "create", "abort": own = try await bucket.request(request.method, file.key, query: request.target.query)
      case "part": own = try await bucket.request("PUT", file.key, query: request.target.query, body: body)
      case "copy": own = try await bucket.request("PUT", file.copy, headers: bucket.headers(ofCopy: file.key))
      // That client has the keys of its list percent-encoded.
      default: continue
      }
      expect(own, equals: request)
    }
  }

  // MARK: Google

  @Test func serviceAccountStatesWhatGooglesClientStates() throws {
    let key = try ServiceAccountKey(json: String(decoding: file.google.serviceAccount.serialized(), as: UTF8.self))
    let own = key.assertion(scope: "https://www.googleapis.com/auth/devstorage.read_write", at: file.moment)
    func parts(_ text: String) throws -> [JSONValue] {
      try text.split(separator: ".").prefix(2).map {
        try JSONValue(parsing: try #require(Base64.decode(String($0), alphabet: .urlSafe)))
      }
    }
    #expect(try parts(own) == parts(file.google.assertion))
    // Over the same text there is only one signature.
    let pieces = file.google.assertion.split(separator: ".").map(String.init)
    let pem = try #require(file.google.serviceAccount["private_key"]?.string)
    let signature = try RSASigning.PrivateKey(pem: pem).signature(for: Array("\(pieces[0]).\(pieces[1])".utf8))
    #expect(Base64.encode(signature, alphabet: .urlSafe) == pieces[2])
    #expect(!"\(key)".contains("PRIVATE") && !String(reflecting: key).contains("PRIVATE"))
  }

  @Test func requestsToGoogleGoWhereItsClientSendsThem() async throws {
    #expect(file.google.requests.count == 8)
    let bucket = GoogleCloudBucket(name: file.google.bucket, credentials: .anonymous, access: access)
    for request in file.google.requests {
      let own: HTTPRequest =
        switch request.name {
        case "put", "resumable": try await bucket.request("POST", bucket.uploads)
        case "get": try await bucket.reading(file.key, range: nil)
        case "range": try await bucket.reading(file.key, range: 3..<7)
        case "list": try await bucket.request("GET", bucket.objects(nil))
        case "copy": try await bucket.request("POST", bucket.path(ofCopy: file.key, to: file.copy))
        default: try await bucket.request(request.method, bucket.objects(file.key))
        }
      #expect(own.method == request.method)
      #expect(own.url.split(separator: "?").first == request.url.split(separator: "?").first, "\(request.name)")
      if let range = request.headers["range"] {
        #expect(own.headers.contains { $0.name == "range" && $0.value == range })
      }
    }
  }
}
