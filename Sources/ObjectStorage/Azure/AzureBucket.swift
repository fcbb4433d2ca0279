import HTTPTransport
import WireFormats

/// A container of Azure's blob storage.
public struct AzureBucket: RemoteBucket {
  /// From when on everything that is used here exists; emulators know it too.
  static let version = "2021-12-02"

  /// Of the container.
  public let name: String
  let access: StoreAccess
  let host: String
  let credentials: AzureCredentialProvider
  /// `https://host`.
  private let origin: String
  /// Of the container: percent-encoded, with a slash before it and none after it.
  private let path: String

  /// - Parameter endpoint: of the account's blob service, without a slash at its end.
  public init(container: String, endpoint: String, credentials: AzureCredentials, access: StoreAccess) {
    name = container
    self.access = access
    let start = endpoint.drop { $0 != ":" }.dropFirst(3)
    let host = start.prefix { $0 != "/" }
    self.host = String(host)
    origin = String(endpoint.dropLast(start.count - host.count))
    path = "\(start.dropFirst(host.count))/\(container)"
    self.credentials = AzureCredentialProvider(credentials, bucket: container, access: access)
  }

  func check(_ key: String) throws(ObjectStorageError) {
    try ObjectKey.check(key, bucket: name)
    let parts = key.split(separator: "/")
    let fault: String? =
      if key.contains("\\") {
        "has a backslash, which Azure takes for a slash"
      } else if parts.contains(where: { $0.hasSuffix(".") }) {
        "has a part that ends with a dot, which Azure leaves out"
      } else if parts.count > 254 {
        "has more than 254 parts"
      } else {
        nil
      }
    if let fault { throw ObjectStorageError(code: .invalidKey, bucket: name, key: key, detail: "the key \(fault)") }
  }

  public func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try check(key)
    return try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("HEAD", key)
      // The container may be missing too.
      if response.status == 404, failure(response, key: key).code == .notFound { return nil }
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
    let query = listing(prefix, limit, continuation)
    return try await retrying(nil) { () throws(ObjectStorageError) in
      let response = try await send("GET", nil, query: query)
      guard response.isSuccess else { throw failure(response, key: nil) }
      guard let listing = AzureAnswer.listing(response.body) else {
        throw refused(nil, "the list that \(host) sent cannot be understood")
      }
      return listing
    }
  }

  func listing(_ prefix: String, _ limit: Int, _ continuation: String?) -> [(name: String, value: String)] {
    var query = [("restype", "container"), ("comp", "list"), ("maxresults", "\(min(max(limit, 1), 1000))")]
    if !prefix.isEmpty { query.append(("prefix", prefix)) }
    if let continuation { query.append(("marker", continuation)) }
    return query
  }

  public func delete(_ key: String) async throws(ObjectStorageError) {
    try check(key)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("DELETE", key, headers: [("x-ms-delete-snapshots", "include")])
      guard response.isSuccess || failure(response, key: key).code == .notFound else {
        throw failure(response, key: key)
      }
    }
  }

  func renewCredentials() async -> Bool { await credentials.renew() }

  // MARK: Requests

  func reading(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> HTTPRequest {
    let part = range.map { [("x-ms-range", "bytes=\($0.lowerBound)-\($0.upperBound - 1)")] } ?? []
    return try await request("GET", key, headers: part)
  }

  func info(_ key: String, _ headers: HTTPHeaders, size: Int) -> ObjectInfo {
    ObjectInfo(key: key, size: size, etag: S3Answer.etag(headers["etag"] ?? ""))
  }

  func checksum(_ headers: HTTPHeaders) -> ObjectChecksum? { ObjectChecksum(md5: headers["content-md5"]) }

  func request(
    _ method: String, _ key: String?, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: UploadBody? = nil
  ) async throws(ObjectStorageError) -> HTTPRequest {
    let path = path(of: key)
    var headers = headers
    headers += [("x-ms-date", HTTPDate.text(access.now())), ("x-ms-version", Self.version)]
    var text = RequestSignature.queryText(query)
    switch try await credentials.current() {
    case .key(let signature):
      let authorization = signature.authorization(
        signing: method, path: path, query: query, headers: headers, contentLength: body?.size ?? 0)
      headers.append(("authorization", authorization))
    case .token(let token):
      headers.append(("authorization", "Bearer \(token)"))
    case .query(let signature):
      text += text.isEmpty ? signature : "&\(signature)"
    }
    return plainRequest(
      method, origin + path + (text.isEmpty ? "" : "?\(text)"), headers: headers, body: body?.body ?? .none)
  }

  func path(of key: String?) -> String {
    key.map { "\(path)/\(PercentEncoding.encode($0, keeping: "/"))" } ?? path
  }

  /// The address of an object, as the service itself is to read it.
  func address(of key: String) -> String {
    origin + path(of: key) + (credentials.query.map { "?\($0)" } ?? "")
  }

  func send(
    _ method: String, _ key: String?, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: UploadBody? = nil
  ) async throws(ObjectStorageError) -> HTTPResponse {
    try await send(request(method, key, query: query, headers: headers, body: body), key: key)
  }
}
