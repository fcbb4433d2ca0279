import Cryptography
import HTTPTransport

/// A bucket behind HTTP: what its kind knows, so that objects are read, stored and asked about alike.
protocol RemoteBucket: Bucket {
  var access: StoreAccess { get }
  /// `host:port` for messages.
  var host: String { get }

  /// Asks for an object's bytes, with the credentials.
  func reading(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> HTTPRequest
  /// What an answer to `reading` says about the whole object, whose size is the answer's but for a range.
  func info(_ key: String, _ headers: HTTPHeaders, size: Int) -> ObjectInfo
  /// Of the whole object, where the answer to `reading` has it.
  func checksum(_ headers: HTTPHeaders) -> ObjectChecksum?

  /// Stores a body at once.
  func putWhole(_ key: String, _ body: UploadBody) async throws(ObjectStorageError)
  /// Stores what is large piece by piece, whole or not at all.
  func putParts(_ key: String, _ content: ContentReader) async throws(ObjectStorageError)

  /// What a refusal means and what to do about it.
  func failure(_ response: HTTPResponse, key: String?) -> ObjectStorageError
  /// Whether there are newer credentials than those the store refused.
  func renewCredentials() async -> Bool
  /// Checks what only this kind refuses, beside the rules for all keys.
  func check(_ key: String) throws(ObjectStorageError)
}

extension RemoteBucket {
  func check(_ key: String) throws(ObjectStorageError) { try ObjectKey.check(key, bucket: name) }

  func retrying<Value>(
    _ key: String?, _ attempt: () async throws(ObjectStorageError) -> Value
  ) async throws(ObjectStorageError) -> Value {
    try await access.retrying(bucket: name, key: key, renew: renewCredentials, attempt)
  }

  /// Sends a request once.
  func send(_ request: HTTPRequest, key: String?) async throws(ObjectStorageError) -> HTTPResponse {
    do {
      return try await access.http.send(request)
    } catch {
      throw failure(error, key: key)
    }
  }

  /// A request that has not yet been authorized. No bound on the whole: an object may be large and the line slow. A line that
  /// stands still is given up.
  func plainRequest(
    _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, url: url, headers: headers, body: body, timeout: nil, stallTimeout: access.stallTimeout,
      tls: access.tls,
      maximumResponseBytes: Self.maximumAnswerBytes)
  }

  /// Of a list of a thousand keys with 1,024 bytes, each perhaps escaped.
  static var maximumAnswerBytes: Int { 8 << 20 }

  public func put(_ key: String, _ content: ObjectContent) async throws(ObjectStorageError) {
    try check(key)
    let reader = try await ContentReader(content, bucket: name, key: key)
    if let size = reader.size, size <= access.uploads.single {
      try await putWhole(key, reader.whole(size))
    } else if let bytes = try await reader.allBytes(upTo: access.uploads.part) {
      try await putWhole(key, UploadBody(bytes))
    } else {
      try await putParts(key, reader)
    }
  }

  /// Does what leaves something behind at the store unless it is finished, and takes that back where it is not: also where the
  /// task was cancelled.
  /// - Parameter last: asks for that; it is sent once, whatever becomes of it.
  func undoing<Value>(
    by last: @escaping @Sendable () async throws(ObjectStorageError) -> HTTPRequest,
    _ work: () async throws(ObjectStorageError) -> Value
  ) async throws(ObjectStorageError) -> Value {
    do throws(ObjectStorageError) {
      return try await work()
    } catch {
      await Task {
        guard var request = try? await last() else { return }
        request.timeout = .seconds(10)
        _ = try? await access.http.send(request)
      }.value
      throw error
    }
  }

  func refused(_ key: String?, _ detail: String) -> ObjectStorageError {
    ObjectStorageError(code: .refused, bucket: name, key: key, detail: detail)
  }
}
