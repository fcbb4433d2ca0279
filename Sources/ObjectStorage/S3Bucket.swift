import Cryptography
import Files
public import HTTPTransport
import Threads
public import Timing
public import WireFormats

/// A bucket of AWS S3 or of a store that speaks its protocol (MinIO and others).
public struct S3Bucket: Bucket {
  public let name: String
  let location: S3Location
  let http: HTTPClient
  let tls: TLSSettings
  private let signature: RequestSignature
  private let attempts: Int
  private let backoff: Backoff
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double

  /// - Parameters:
  ///   - endpoint: `http://host:port` of a store that is not AWS; nil for AWS.
  ///   - attempts: How often the store is asked in all, where it fails in a way that may pass; at least once.
  ///   - backoff: Between two of them.
  ///   - now: The time of day, for the signature: stores refuse requests that are more than 15 minutes off.
  ///   - random: From 0 to below 1, for the jitter of `backoff`.
  public init(
    name: String, region: String, endpoint: String? = nil, credentials: S3Credentials, http: HTTPClient,
    tls: TLSSettings = TLSSettings(), attempts: Int = 4,
    backoff: Backoff = Backoff(base: .milliseconds(200), maximum: .seconds(5), jitter: 0.5),
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp = SystemTime.now,
    random: @escaping @Sendable () -> Double = randomFraction
  ) {
    self.name = name
    self.location = S3Location(bucket: name, region: region, endpoint: endpoint)
    self.signature = RequestSignature(credentials: credentials, region: region)
    self.http = http
    self.tls = tls
    self.attempts = max(attempts, 1)
    self.backoff = backoff
    self.clock = clock
    self.now = now
    self.random = random
  }

  public func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8] {
    try ObjectKey.check(key, bucket: name)
    return try await retrying(key) { () throws(ObjectStorageError) in
      var bytes: [UInt8] = []
      _ = try await download(key, maximumBytes: maximumBytes) { (piece) throws(ObjectStorageError) in bytes += piece }
      return bytes
    }
  }

  public func get(
    _ key: String, toFile path: String, maximumBytes: Int
  ) async throws(ObjectStorageError) -> ObjectInfo {
    try ObjectKey.check(key, bucket: name)
    return try await retrying(key) { () throws(ObjectStorageError) in
      var file = try local(path, key) { () throws(FileFault) in try ReplacementFile(path: path) }
      let info = try await download(key, maximumBytes: maximumBytes) { (piece) throws(ObjectStorageError) in
        try local(path, key) { () throws(FileFault) in try file.write(piece) }
      }
      try local(path, key) { () throws(FileFault) in try file.commit() }
      return info
    }
  }

  public func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError) {
    try ObjectKey.check(key, bucket: name)
    let (body, digest) = try await payload(of: content, key: key)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send(method: "PUT", key: key, body: body, digest: digest)
      guard response.isSuccess else { throw failure(response, key: key) }
    }
  }

  public func head(_ key: String) async throws(ObjectStorageError) -> ObjectInfo? {
    try ObjectKey.check(key, bucket: name)
    return try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send(method: "HEAD", key: key)
      if response.status == 404 { return nil }
      guard response.isSuccess else { throw failure(response, key: key) }
      return try info(key, response.headers)
    }
  }

  public func list(
    prefix: String, limit: Int, continuation: String?
  ) async throws(ObjectStorageError) -> ObjectListing {
    var query = [("list-type", "2"), ("max-keys", "\(min(max(limit, 1), 1000))"), ("prefix", prefix)]
    if let continuation { query.append(("continuation-token", continuation)) }
    return try await retrying(nil) { () throws(ObjectStorageError) in
      let response = try await send(method: "GET", key: nil, query: query)
      guard response.isSuccess else { throw failure(response, key: nil) }
      guard let listing = S3Answer.listing(response.body) else {
        throw ObjectStorageError(
          code: .refused, bucket: name, detail: "the list that \(location.host) sent cannot be understood")
      }
      return listing
    }
  }

  public func delete(_ key: String) async throws(ObjectStorageError) {
    try ObjectKey.check(key, bucket: name)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send(method: "DELETE", key: key)
      guard response.isSuccess || response.status == 404 else { throw failure(response, key: key) }
    }
  }

  // MARK: Requests

  func request(
    method: String, key: String?, query: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none,
    digest: SHA256Digest = S3Bucket.emptyDigest
  ) -> HTTPRequest {
    let path = location.path(of: key)
    let headers = signature.headers(
      signing: method, path: path, query: query, headers: [("host", location.host)], payload: digest, at: now())
    let text = query.isEmpty ? "" : "?" + RequestSignature.queryText(query)
    // No bound on the whole: an object may be large and the line slow. A line that stands still is given up.
    return HTTPRequest(
      method: method, url: location.origin + path + text, headers: headers, body: body, timeout: nil,
      stallTimeout: .seconds(30), tls: tls, maximumResponseBytes: 8 << 20)
  }

  private static let emptyDigest = SHA256.digest(of: [])

  private func send(
    method: String, key: String?, query: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none,
    digest: SHA256Digest = S3Bucket.emptyDigest
  ) async throws(ObjectStorageError) -> HTTPResponse {
    do {
      return try await http.send(request(method: method, key: key, query: query, body: body, digest: digest))
    } catch {
      throw failure(error, key: key)
    }
  }

  private func payload(
    of content: ObjectContent, key: String
  ) async throws(ObjectStorageError) -> (HTTPRequest.Body, SHA256Digest) {
    switch content {
    case .bytes(let bytes):
      return (.bytes(bytes), SHA256.digest(of: bytes))
    case .file(let path):
      let bucket = name
      let digest = try await onOwnThread { () throws(ObjectStorageError) in
        do throws(CryptographyError) {
          return try SHA256.digest(ofFile: path)
        } catch {
          throw ObjectStorageError(code: .fileUnusable, bucket: bucket, key: key, detail: "\(error)")
        }
      }
      return (.file(path: path), digest)
    }
  }

  private func download(
    _ key: String, maximumBytes: Int, _ consume: ([UInt8]) throws(ObjectStorageError) -> Void
  ) async throws(ObjectStorageError) -> ObjectInfo {
    var request = request(method: "GET", key: key)
    request.maximumResponseBytes = max(maximumBytes, S3Answer.maximumErrorBytes)
    let tooLarge = ObjectStorageError(
      code: .tooLarge, bucket: name, key: key, detail: "it has more than the allowed \(maximumBytes) bytes")
    do {
      let response = try await http.stream(request)
      guard (200..<300).contains(response.status) else {
        throw await failure(response, key: key)
      }
      let info = try info(key, response.headers)
      guard info.size <= maximumBytes else { throw tooLarge }
      var count = 0
      for try await piece in response.body {
        count += piece.count
        guard count <= maximumBytes else { throw tooLarge }
        try consume(piece)
      }
      return info
    } catch let error as HTTPTransportError {
      throw error.code == .responseTooLarge ? tooLarge : failure(error, key: key)
    } catch let error as ObjectStorageError {
      throw error
    } catch {
      throw ObjectStorageError(code: .refused, bucket: name, key: key, detail: "\(error)")
    }
  }

  private func local<Value: ~Copyable>(
    _ path: String, _ key: String, _ work: () throws(FileFault) -> Value
  ) throws(ObjectStorageError) -> Value {
    do throws(FileFault) {
      return try work()
    } catch {
      throw .local(error, path: path, bucket: name, key: key)
    }
  }

  func info(_ key: String, _ headers: HTTPHeaders) throws(ObjectStorageError) -> ObjectInfo {
    guard let size = headers["content-length"].flatMap({ Int($0) }), size >= 0 else {
      throw ObjectStorageError(
        code: .refused, bucket: name, key: key, detail: "\(location.host) does not say how long it is")
    }
    return ObjectInfo(key: key, size: size, etag: S3Answer.etag(headers["etag"] ?? ""))
  }

  func retrying<Value>(
    _ key: String?, _ attempt: () async throws(ObjectStorageError) -> Value
  ) async throws(ObjectStorageError) -> Value {
    var failures = 0
    while true {
      do throws(ObjectStorageError) {
        return try await attempt()
      } catch {
        failures += 1
        guard error.isTransient, failures < attempts else { throw error }
        do {
          try await clock.sleep(for: backoff.delay(failures: failures, random: random()))
        } catch {
          throw ObjectStorageError(code: .cancelled, bucket: name, key: key, detail: "the task was cancelled")
        }
      }
    }
  }
}
