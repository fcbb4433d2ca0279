import HTTPTransport

extension S3Bucket {
  public func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream {
    try ObjectKey.check(key, bucket: name)
    // A range of HTTP names at least one byte.
    if let range, range.isEmpty { return try await emptyStream(key, range) }
    let (response, whole) = try await retrying(key) {
      () throws(ObjectStorageError) -> (HTTPStreamingResponse, ObjectInfo) in
      var request = request(method: "GET", key: key)
      request.maximumResponseBytes = .max
      if let range { request.headers.append(("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")) }
      let response: HTTPStreamingResponse
      do throws(HTTPTransportError) {
        response = try await http.stream(request)
      } catch {
        throw failure(error, key: key)
      }
      if response.status == 416, let range { throw endsBefore(range, key) }
      guard (200..<300).contains(response.status) else { throw await failure(response, key: key) }
      return (response, try info(of: response, key, range))
    }
    let body = response.body.makeAsyncIterator()
    return ObjectStream(info: whole) { () async throws(ObjectStorageError) -> [UInt8]? in
      do throws(HTTPTransportError) {
        var body = body
        return try await body.next()
      } catch {
        throw failure(error, key: key)
      }
    }
  }

  private func emptyStream(_ key: String, _ range: Range<Int>) async throws(ObjectStorageError) -> ObjectStream {
    guard let info = try await head(key) else {
      throw ObjectStorageError(code: .notFound, bucket: name, key: key, detail: "there is no such object")
    }
    guard range.upperBound <= info.size else { throw endsBefore(range, key) }
    return ObjectStream(info: info) { nil }
  }

  /// Of the whole object, from an answer that may be a part of it.
  private func info(
    of response: HTTPStreamingResponse, _ key: String, _ range: Range<Int>?
  ) throws(ObjectStorageError) -> ObjectInfo {
    guard let range else { return try info(key, response.headers) }
    // `bytes 0-99/1234`
    let text = response.headers["content-range"] ?? ""
    let parts = text.split(separator: "/")
    guard response.status == 206, parts.count == 2, let size = Int(parts[1]), range.upperBound <= size,
      parts[0] == "bytes \(range.lowerBound)-\(range.upperBound - 1)"
    else {
      throw ObjectStorageError(
        code: .refused, bucket: name, key: key, detail: "\(location.host) does not send the part that was asked for")
    }
    return ObjectInfo(key: key, size: size, etag: S3Answer.etag(response.headers["etag"] ?? ""))
  }
}

extension Bucket {
  func endsBefore(_ range: Range<Int>, _ key: String) -> ObjectStorageError {
    ObjectStorageError(
      code: .refused, bucket: name, key: key,
      detail: "it ends before byte \(range.upperBound), up to which it was to be read")
  }
}
