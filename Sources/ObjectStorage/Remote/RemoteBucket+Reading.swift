import Cryptography
import Files
import HTTPTransport

extension RemoteBucket {
  public func get(_ key: String, maximumBytes: Int) async throws(ObjectStorageError) -> [UInt8] {
    try check(key)
    return try await retrying(key) { () throws(ObjectStorageError) in
      var bytes: [UInt8] = []
      _ = try await download(key, maximumBytes: maximumBytes) { (piece) throws(ObjectStorageError) in bytes += piece }
      return bytes
    }
  }

  public func get(
    _ key: String, toFile path: String, maximumBytes: Int
  ) async throws(ObjectStorageError) -> ObjectInfo {
    try check(key)
    return try await retrying(key) { () throws(ObjectStorageError) in
      var file = try local(path, key) { () throws(FileFault) in try ReplacementFile(path: path) }
      let info = try await download(key, maximumBytes: maximumBytes) { (piece) throws(ObjectStorageError) in
        try local(path, key) { () throws(FileFault) in try file.write(piece) }
      }
      try local(path, key) { () throws(FileFault) in try file.commit() }
      return info
    }
  }

  public func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream {
    try check(key)
    // A range of HTTP names at least one byte.
    if let range, range.isEmpty { return try await emptyStream(key, range) }
    let body = try await retrying(key) { () throws(ObjectStorageError) in try await open(key, range, limit: .max) }
    return ObjectStream(info: body.info) { () async throws(ObjectStorageError) -> [UInt8]? in
      try await next(of: body)
    }
  }

  private func download(
    _ key: String, maximumBytes: Int, _ consume: ([UInt8]) throws(ObjectStorageError) -> Void
  ) async throws(ObjectStorageError) -> ObjectInfo {
    let body = try await open(key, nil, limit: maximumBytes)
    while let piece = try await next(of: body) { try consume(piece) }
    return body.info
  }

  private func open(
    _ key: String, _ range: Range<Int>?, limit: Int
  ) async throws(ObjectStorageError) -> ObjectBody {
    var request = try await reading(key, range: range)
    request.maximumResponseBytes = max(limit, Self.maximumErrorBytes)
    let tooLarge = ObjectStorageError(
      code: .tooLarge, bucket: name, key: key, detail: "it has more than the allowed \(limit) bytes")
    let response: HTTPStreamingResponse
    do throws(HTTPTransportError) {
      response = try await access.http.stream(request)
    } catch {
      throw error.code == .responseTooLarge ? tooLarge : failure(error, key: key)
    }
    if response.status == 416, let range { throw endsBefore(range, key) }
    guard (200..<300).contains(response.status) else { throw await failure(response, key: key) }
    let size = try size(response, key, range)
    guard range != nil || size <= limit else { throw tooLarge }
    return ObjectBody(
      response.body, info: info(key, response.headers, size: size), byteCount: range?.count ?? size,
      checksum: range == nil ? checksum(response.headers) : nil)
  }

  /// A longer error document is read only so far.
  static var maximumErrorBytes: Int { 64 << 10 }

  /// The next piece of an object, which ends only where it ends at the store.
  private func next(of body: ObjectBody) async throws(ObjectStorageError) -> [UInt8]? {
    do throws(HTTPTransportError) {
      switch try await body.next() {
      case .piece(let bytes): return bytes
      case .end: return nil
      case .damaged(let what):
        // It may have been damaged on its way.
        throw HTTPTransportError(code: .connectionLost, message: "\(host) \(what)")
      }
    } catch {
      throw failure(error, key: body.info.key)
    }
  }

  /// Of the whole object.
  private func size(
    _ response: HTTPStreamingResponse, _ key: String, _ range: Range<Int>?
  ) throws(ObjectStorageError) -> Int {
    guard let range else {
      guard response.status == 200, let size = Self.length(response.headers) else {
        throw refused(key, "\(host) does not say how long it is")
      }
      return size
    }
    // `bytes 0-99/1234`
    let parts = (response.headers["content-range"] ?? "").split(separator: "/")
    guard response.status == 206, parts.count == 2, let size = Int(parts[1]), range.upperBound <= size,
      parts[0] == "bytes \(range.lowerBound)-\(range.upperBound - 1)"
    else {
      throw refused(key, "\(host) does not send the part that was asked for")
    }
    return size
  }

  private static func length(_ headers: HTTPHeaders) -> Int? {
    // Google's cloud leaves the first out where it answers over HTTP/2.
    (headers["content-length"] ?? headers["x-goog-stored-content-length"]).flatMap { Int($0) }.flatMap {
      $0 >= 0 ? $0 : nil
    }
  }

  private func emptyStream(_ key: String, _ range: Range<Int>) async throws(ObjectStorageError) -> ObjectStream {
    guard let info = try await head(key) else { throw .missing(key, bucket: name) }
    guard range.upperBound <= info.size else { throw endsBefore(range, key) }
    return ObjectStream(info: info) { nil }
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
}

extension Bucket {
  func endsBefore(_ range: Range<Int>, _ key: String) -> ObjectStorageError {
    ObjectStorageError(
      code: .refused, bucket: name, key: key,
      detail: "it ends before byte \(range.upperBound), up to which it was to be read")
  }
}

extension ObjectStorageError {
  static func missing(_ key: String, bucket: String) -> ObjectStorageError {
    ObjectStorageError(code: .notFound, bucket: bucket, key: key, detail: "there is no such object")
  }
}
