import HTTPTransport
import WireFormats

/// A bucket of Google Cloud Storage, by its JSON API.
public struct GoogleCloudBucket: RemoteBucket {
  public static let standardEndpoint = "https://storage.googleapis.com"

  public let name: String
  let access: StoreAccess
  let host: String
  let credentials: GoogleCredentialProvider
  /// `https://host`, without a slash at its end.
  let origin: String

  /// - Parameter endpoint: another one than Google's, without a slash at its end.
  public init(
    name: String, endpoint: String = GoogleCloudBucket.standardEndpoint, credentials: GoogleCredentials,
    access: StoreAccess
  ) {
    self.name = name
    self.access = access
    origin = endpoint
    host = String(endpoint.drop { $0 != ":" }.dropFirst(3))
    self.credentials = GoogleCredentialProvider(credentials, bucket: name, access: access)
  }

  public func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try check(key)
    return try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("GET", objects(key), query: [("fields", GoogleAnswer.fields)], key: key)
      if response.status == 404, failure(response, key: key).code == .notFound { return nil }
      guard response.isSuccess else { throw failure(response, key: key) }
      guard let object = GoogleAnswer.object(response.body) else {
        throw refused(key, "what \(host) says about it cannot be understood")
      }
      return ObjectInfo(key: key, size: object.size, etag: object.generation)
    }
  }

  public func list(
    prefix: String, limit: Int, continuation: String?
  ) async throws(ObjectStorageError) -> ObjectListing {
    var query = [
      ("fields", "items(\(GoogleAnswer.fields)),nextPageToken"), ("maxResults", "\(min(max(limit, 1), 1000))"),
    ]
    if !prefix.isEmpty { query.append(("prefix", prefix)) }
    if let continuation { query.append(("pageToken", continuation)) }
    return try await retrying(nil) { () throws(ObjectStorageError) in
      let response = try await send("GET", objects(nil), query: query, key: nil)
      guard response.isSuccess else { throw failure(response, key: nil) }
      guard let listing = GoogleAnswer.listing(response.body) else {
        throw refused(nil, "the list that \(host) sent cannot be understood")
      }
      return listing
    }
  }

  public func delete(_ key: String) async throws(ObjectStorageError) {
    try check(key)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("DELETE", objects(key), key: key)
      guard response.isSuccess || failure(response, key: key).code == .notFound else {
        throw failure(response, key: key)
      }
    }
  }

  public func copy(from source: String, to target: String) async throws(ObjectStorageError) {
    try check(source)
    try check(target)
    var token: String?
    // Large objects are rewritten over several requests.
    repeat {
      let query = token.map { [("rewriteToken", $0)] } ?? []
      token = try await retrying(source) { () throws(ObjectStorageError) in
        let response = try await send("POST", path(ofCopy: source, to: target), query: query, key: source)
        guard response.isSuccess else { throw failure(response, key: source) }
        switch GoogleAnswer.rewrite(response.body) {
        case .done?: return nil
        case .more(let next)?: return next
        case nil: throw refused(source, "what \(host) says about the copy cannot be understood")
        }
      }
    } while token != nil
  }

  func renewCredentials() async -> Bool { await credentials.renew() }

  // MARK: Requests

  func reading(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> HTTPRequest {
    // What was stored compressed comes as it was stored.
    var headers = [("accept-encoding", "gzip")]
    if let range { headers.append(("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")) }
    return try await request(
      "GET", objects(key, root: "/download/storage/v1"), query: [("alt", "media")], headers: headers)
  }

  func info(_ key: String, _ headers: HTTPHeaders, size: Int) -> ObjectInfo {
    ObjectInfo(key: key, size: size, etag: headers["x-goog-generation"] ?? "")
  }

  func checksum(_ headers: HTTPHeaders) -> ObjectChecksum? {
    // `crc32c=…,md5=…`, in one header or in two.
    let hashes = headers.fields.filter { $0.name.lowercased() == "x-goog-hash" }.flatMap {
      $0.value.split(separator: ",")
    }
    let md5 = hashes.lazy.map { $0.drop { $0 == " " } }.first { $0.hasPrefix("md5=") }
    return ObjectChecksum(md5: md5.map { String($0.dropFirst(4)) })
  }

  /// Of one object, or of all.
  func objects(_ key: String?, root: String = "/storage/v1") -> String {
    let all = "\(root)/b/\(PercentEncoding.encode(name))/o"
    return key.map { "\(all)/\(PercentEncoding.encode($0))" } ?? all
  }

  func path(ofCopy source: String, to target: String) -> String {
    "\(objects(source))/rewriteTo\(objects(target, root: ""))"
  }

  /// - Parameter path: percent-encoded.
  func request(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none
  ) async throws(ObjectStorageError) -> HTTPRequest {
    var headers = headers
    if let token = try await credentials.current() { headers.append(("authorization", "Bearer \(token)")) }
    let text = query.isEmpty ? "" : "?" + RequestSignature.queryText(query)
    return plainRequest(method, origin + path + text, headers: headers, body: body)
  }

  func send(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none, key: String?
  ) async throws(ObjectStorageError) -> HTTPResponse {
    try await send(request(method, path, query: query, headers: headers, body: body), key: key)
  }
}
