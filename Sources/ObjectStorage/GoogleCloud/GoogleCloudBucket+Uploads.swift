import Cryptography
import HTTPTransport
import WireFormats

extension GoogleCloudBucket {
  private static let contentType = "application/octet-stream"

  /// Where objects are put.
  var uploads: String { objects(nil, root: "/upload/storage/v1") }

  func putWhole(_ key: String, _ body: UploadBody) async throws(ObjectStorageError) {
    var metadata: JSONValue = ["contentType": .string(Self.contentType), "name": .string(key)]
    // Checked on arrival.
    if let md5 = body.md5 { metadata["md5Hash"] = .string(md5) }
    let boundary = Hexadecimal.encode(SecureRandom.bytes(count: 16))
    let head =
      Array("--\(boundary)\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".utf8) + metadata.serialized()
      + Array("\r\n--\(boundary)\r\nContent-Type: \(Self.contentType)\r\n\r\n".utf8)
    let content: [UploadPart] =
      switch body.body {
      case .file(let path): [.file(path: path)]
      case .bytes(let bytes): [.bytes(bytes)]
      case .parts(let parts, _): parts
      case .none: []
      }
    let parts = [.bytes(head)] + content + [.bytes(Array("\r\n--\(boundary)--\r\n".utf8))]
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send(
        "POST", uploads, query: [("fields", GoogleAnswer.fields), ("uploadType", "multipart")],
        headers: [("content-type", "multipart/related; boundary=\(boundary)")],
        body: .parts(parts) { _ in }, key: key)
      guard response.isSuccess else { throw failure(response, key: key, uploads: true) }
      try requireStored(response, key, size: body.size, md5: body.md5)
    }
  }

  func putParts(_ key: String, _ content: ContentReader) async throws(ObjectStorageError) {
    let session = try await retrying(key) { () throws(ObjectStorageError) in try await beginSession(key) }
    let end = { @Sendable () async throws(ObjectStorageError) in
      try await request("DELETE", session, headers: [("content-length", "0")])
    }
    try await undoing(by: end) { () throws(ObjectStorageError) in
      var whole = MD5()
      var count = 0
      var position = 0
      while let piece = try await content.piece(upTo: access.uploads.part(after: count)) {
        whole?.update(piece)
        let end = position + piece.count
        let size = try await content.isAtEnd() ? end : nil
        var chunk = UploadChunk(bytes: piece, start: position, total: size)
        if let response = try await store(&chunk, session, key) {
          let md5 = whole.take()?.finalize()
          return try requireStored(response, key, size: end, md5: md5.map { Base64.encode($0) })
        }
        position = end
        count += 1
      }
      throw refused(key, "\(host) does not say that the upload is finished")
    }
  }

  /// - Returns: the path and query at which the upload goes on. They are as good as a password, and stay out of messages.
  private func beginSession(_ key: String) async throws(ObjectStorageError) -> String {
    let metadata: JSONValue = ["contentType": .string(Self.contentType), "name": .string(key)]
    let response = try await send(
      "POST", uploads, query: [("fields", GoogleAnswer.fields), ("uploadType", "resumable")],
      headers: [
        ("content-type", "application/json; charset=UTF-8"), ("x-upload-content-type", Self.contentType),
      ], body: .bytes(metadata.serialized()), key: key)
    guard response.isSuccess else { throw failure(response, key: key, uploads: true) }
    // Whatever host it names, this store is asked.
    let address = response.headers["location"] ?? ""
    let path =
      address.hasPrefix("/") ? address[...] : address.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
    guard path.hasPrefix("/"), path.utf8.count <= 8192, path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw refused(key, "\(host) does not say where the upload goes on")
    }
    return String(path)
  }

  // MARK: Chunks

  /// Stores one chunk, however often the line breaks: the store is asked how much of it arrived.
  /// - Returns: the answer to the last chunk; nil where more are to come.
  private func store(
    _ chunk: inout UploadChunk, _ session: String, _ key: String
  ) async throws(ObjectStorageError) -> HTTPResponse? {
    var failures = 0
    var isInDoubt = false
    var isRenewed = false
    while true {
      do throws(ObjectStorageError) {
        let body: HTTPRequest.Body = isInDoubt ? .none : .bytes(Array(chunk.bytes))
        let range = isInDoubt ? "bytes */\(chunk.totalText)" : chunk.range
        let response = try await send("PUT", session, headers: [("content-range", range)], body: body, key: key)
        switch response.status {
        case 200, 201: return response
        case 308:
          guard let stored = UploadChunk.stored(response.headers["range"]), stored >= chunk.start, stored <= chunk.end
          else { throw lost(key) }
          if stored > chunk.start {
            failures = 0
          } else if !isInDoubt {
            throw ObjectStorageError(
              code: .unreachable, bucket: name, key: key, detail: "\(host) does not take the upload's bytes")
          }
          chunk.drop(upTo: stored)
          if chunk.bytes.isEmpty, chunk.total == nil { return nil }
          isInDoubt = false
        case 404, 410: throw lost(key)
        default: throw failure(response, key: key, uploads: true)
        }
      } catch {
        if error.code == .accessDenied, !isRenewed {
          isRenewed = true
          if await renewCredentials() { continue }
        }
        failures += 1
        guard error.isTransient, error != lost(key), failures < access.attempts else { throw error }
        try await access.pause(afterFailures: failures, bucket: name, key: key)
        isInDoubt = true
      }
    }
  }

  private func lost(_ key: String) -> ObjectStorageError {
    ObjectStorageError(
      code: .unreachable, bucket: name, key: key, detail: "\(host) has lost the upload; it must be put again")
  }

  private func requireStored(
    _ response: HTTPResponse, _ key: String, size: Int, md5: String?
  ) throws(ObjectStorageError) {
    guard let object = GoogleAnswer.object(response.body) else {
      throw refused(key, "what \(host) says about it cannot be understood")
    }
    guard object.size == size, md5 == nil || object.md5 == nil || object.md5 == md5 else {
      throw ObjectStorageError(
        code: .unreachable, bucket: name, key: key,
        detail: "what arrived at \(host) is not what was sent; it must be put again")
    }
  }
}

/// A piece of an upload of Google's cloud, which loses its head as that arrives.
struct UploadChunk {
  private(set) var bytes: ArraySlice<UInt8>
  /// Of `bytes` in the object.
  private(set) var start: Int
  /// Of the object; nil until its last chunk.
  let total: Int?

  init(bytes: [UInt8], start: Int, total: Int?) {
    self.bytes = bytes[...]
    self.start = start
    self.total = total
  }

  var end: Int { start + bytes.count }

  var totalText: String { total.map { "\($0)" } ?? "*" }

  var range: String { bytes.isEmpty ? "bytes */\(totalText)" : "bytes \(start)-\(end - 1)/\(totalText)" }

  mutating func drop(upTo position: Int) {
    bytes = bytes.dropFirst(position - start)
    start = position
  }

  /// How many bytes are there: of `bytes=0-41`, 42. Nothing said: none.
  static func stored(_ text: String?) -> Int? {
    guard let text else { return 0 }
    guard text.hasPrefix("bytes=0-") else { return nil }
    return Int(text.dropFirst(8)).flatMap { $0 >= 0 && $0 < .max ? $0 + 1 : nil }
  }
}
