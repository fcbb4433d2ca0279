import Cryptography
import HTTPTransport
import WireFormats

/// A bucket of AWS S3 or of a store that speaks its protocol (MinIO and others).
public struct S3Bucket: RemoteBucket {
  public let name: String
  let access: StoreAccess
  let location: S3Location
  let credentials: S3CredentialProvider
  private let region: String

  /// - Parameter endpoint: `http://host:port` of a store that is not AWS; nil for AWS.
  public init(
    name: String, region: String, endpoint: String? = nil, credentials: S3CredentialSource, access: StoreAccess
  ) {
    self.name = name
    self.region = region
    self.access = access
    self.location = S3Location(bucket: name, region: region, endpoint: endpoint)
    self.credentials = S3CredentialProvider(credentials, bucket: name, access: access)
  }

  var host: String { location.host }

  public func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try check(key)
    return try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("HEAD", key)
      if response.status == 404 { return nil }
      guard response.isSuccess else { throw failure(response, key: key) }
      guard let size = response.headers["content-length"].flatMap({ Int($0) }), size >= 0 else {
        throw refused(key, "\(host) does not say how long it is")
      }
      return info(key, response.headers, size: size)
    }
  }

  public func list(
    prefix: String, limit: Int, continuation: String?
  ) async throws(ObjectStorageError) -> ObjectListing {
    var query = [("list-type", "2"), ("max-keys", "\(min(max(limit, 1), 1000))"), ("prefix", prefix)]
    if let continuation { query.append(("continuation-token", continuation)) }
    return try await retrying(nil) { () throws(ObjectStorageError) in
      let response = try await send("GET", nil, query: query)
      guard response.isSuccess else { throw failure(response, key: nil) }
      guard let listing = S3Answer.listing(response.body) else {
        throw refused(nil, "the list that \(host) sent cannot be understood")
      }
      return listing
    }
  }

  public func delete(_ key: String) async throws(ObjectStorageError) {
    try check(key)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("DELETE", key)
      guard response.isSuccess || response.status == 404 else { throw failure(response, key: key) }
    }
  }

  func putWhole(_ key: String, _ body: UploadBody) async throws(ObjectStorageError) {
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("PUT", key, headers: headers(ofWhole: body), body: body)
      guard response.isSuccess else { throw failure(response, key: key) }
    }
  }

  /// With the digest, which is kept with the object, so that whoever reads it can tell whether it is whole.
  func headers(ofWhole body: UploadBody) -> [(name: String, value: String)] {
    [("x-amz-checksum-sha256", Base64.encode(body.sha256.bytes))]
  }

  func headers(ofCopy source: String) -> [(name: String, value: String)] {
    [("x-amz-copy-source", "\(name)/\(PercentEncoding.encode(source, keeping: "/"))")]
  }

  func renewCredentials() async -> Bool { await credentials.renew() }

  // MARK: Requests

  func reading(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> HTTPRequest {
    let part =
      range.map { ("range", "bytes=\($0.lowerBound)-\($0.upperBound - 1)") } ?? ("x-amz-checksum-mode", "ENABLED")
    return try await request("GET", key, headers: [part])
  }

  func info(_ key: String, _ headers: HTTPHeaders, size: Int) -> ObjectInfo {
    ObjectInfo(key: key, size: size, etag: S3Answer.etag(headers["etag"] ?? ""))
  }

  func checksum(_ headers: HTTPHeaders) -> ObjectChecksum? {
    ObjectChecksum(sha256: headers["x-amz-checksum-sha256"])
  }

  /// A signed request.
  func request(
    _ method: String, _ key: String?, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: UploadBody? = nil
  ) async throws(ObjectStorageError) -> HTTPRequest {
    let signature = RequestSignature(credentials: try await credentials.current(), region: region)
    let path = location.path(of: key)
    let headers = signature.headers(
      signing: method, path: path, query: query, headers: [("host", host)] + headers,
      payload: body?.sha256 ?? Self.emptyDigest, at: access.now())
    let text = query.isEmpty ? "" : "?" + RequestSignature.queryText(query)
    return plainRequest(method, location.origin + path + text, headers: headers, body: body?.body ?? .none)
  }

  private static let emptyDigest = SHA256.digest(of: [])

  func send(
    _ method: String, _ key: String?, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: UploadBody? = nil
  ) async throws(ObjectStorageError) -> HTTPResponse {
    try await send(request(method, key, query: query, headers: headers, body: body), key: key)
  }
}
