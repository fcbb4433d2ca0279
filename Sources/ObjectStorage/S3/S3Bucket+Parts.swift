import Cryptography
import HTTPTransport
import WireFormats

extension S3Bucket {
  /// A larger object is not copied by one request.
  private static let maximumCopyBytes = 5 << 30

  func putParts(_ key: String, _ content: ContentReader) async throws(ObjectStorageError) {
    let upload = try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("POST", key, query: [("uploads", "")])
      guard response.isSuccess else { throw failure(response, key: key) }
      guard let id = S3Answer.uploadID(response.body) else {
        throw refused(key, "\(host) does not name the upload that was begun")
      }
      return id
    }
    let abort = { @Sendable () async throws(ObjectStorageError) in
      try await request("DELETE", key, query: [("uploadId", upload)])
    }
    try await undoing(by: abort) { () throws(ObjectStorageError) in
      var etags: [String] = []
      while let piece = try await content.piece(upTo: access.uploads.part(after: etags.count)) {
        guard etags.count < 10_000 else {
          throw ObjectStorageError(
            code: .tooLarge, bucket: name, key: key, detail: "the store takes no more than 10,000 parts")
        }
        let body = UploadBody(piece)
        let query = [("partNumber", "\(etags.count + 1)"), ("uploadId", upload)]
        etags.append(
          try await retrying(key) { () throws(ObjectStorageError) in
            let response = try await send("PUT", key, query: query, body: body)
            guard response.isSuccess else { throw failure(response, key: key) }
            guard let etag = response.headers["etag"], !etag.isEmpty else {
              throw refused(key, "\(host) does not say what it made of a part")
            }
            return etag
          })
      }
      try await complete(upload, of: key, etags)
    }
  }

  private func complete(_ upload: String, of key: String, _ etags: [String]) async throws(ObjectStorageError) {
    let parts = etags.enumerated().map {
      "<Part><PartNumber>\($0.offset + 1)</PartNumber><ETag>\(S3Answer.escaped($0.element))</ETag></Part>"
    }
    let text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())"
    let body = UploadBody(Array("\(text)</CompleteMultipartUpload>".utf8))
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("POST", key, query: [("uploadId", upload)], body: body)
      let said = S3Answer.errorCode(response.body)
      // A failure that comes late is told under the status 200.
      guard response.isSuccess, said == nil else { throw failure(response, key: key) }
      guard S3Answer.isDone(response.body, "CompleteMultipartUploadResult") else {
        throw refused(key, "\(host) does not say that the upload is finished")
      }
    }
  }

  public func copy(from source: String, to target: String) async throws(ObjectStorageError) {
    try check(source)
    try check(target)
    guard let info = try await head(source) else { throw .missing(source, bucket: name) }
    guard source != target else { return }
    guard info.size <= Self.maximumCopyBytes else { return try await put(target, read(source, range: nil).content) }
    try await retrying(source) { () throws(ObjectStorageError) in
      let response = try await send("PUT", target, headers: headers(ofCopy: source))
      guard response.isSuccess, S3Answer.errorCode(response.body) == nil else { throw failure(response, key: source) }
      guard S3Answer.isDone(response.body, "CopyObjectResult") else {
        throw refused(source, "\(host) does not say that the copy is finished")
      }
    }
  }
}
