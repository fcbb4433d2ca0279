import Cryptography
import HTTPTransport

extension AzureBucket {
  private static let contentType = (name: "content-type", value: "application/octet-stream")

  func putWhole(_ key: String, _ body: UploadBody) async throws(ObjectStorageError) {
    let headers = headers(ofWhole: body)
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("PUT", key, headers: headers, body: body)
      guard response.isSuccess else { throw failure(response, key: key, uploads: true) }
    }
  }

  func headers(ofWhole body: UploadBody) -> [(name: String, value: String)] {
    headers(ofBlock: body) + [("x-ms-blob-type", "BlockBlob")]
  }

  /// With the digest that is checked on arrival; of a whole object it is kept too.
  func headers(ofBlock body: UploadBody) -> [(name: String, value: String)] {
    [Self.contentType] + (body.md5.map { [("content-md5", $0)] } ?? [])
  }

  func headers(ofCopy source: String) -> [(name: String, value: String)] {
    [("x-ms-copy-source", address(of: source))]
  }

  /// Blocks that are not committed are seen by nobody, and the service drops them: with the next commit, or after a week. There is
  /// no request that does it sooner.
  func putParts(_ key: String, _ content: ContentReader) async throws(ObjectStorageError) {
    // Of no other upload to this key.
    let upload = SecureRandom.bytes(count: 8)
    var blocks: [String] = []
    var whole = MD5()
    while let piece = try await content.piece(upTo: access.uploads.part(after: blocks.count)) {
      guard blocks.count < 50_000 else {
        throw ObjectStorageError(
          code: .tooLarge, bucket: name, key: key, detail: "the store takes no more than 50,000 blocks")
      }
      whole?.update(piece)
      let number = UInt32(blocks.count)
      let block = Base64.encode(upload + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) })
      blocks.append(block)
      let body = UploadBody(piece)
      let headers = headers(ofBlock: body)
      try await retrying(key) { () throws(ObjectStorageError) in
        let response = try await send(
          "PUT", key, query: [("comp", "block"), ("blockid", block)], headers: headers, body: body)
        guard response.isSuccess else { throw failure(response, key: key, uploads: true) }
      }
    }
    try await commit(key, blocks, md5: whole.take()?.finalize())
  }

  /// Does the same when it is done again.
  private func commit(_ key: String, _ blocks: [String], md5: [UInt8]?) async throws(ObjectStorageError) {
    let list = blocks.map { "<Latest>\($0)</Latest>" }.joined()
    let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>\(list)</BlockList>"
    let body = UploadBody(Array(text.utf8))
    var headers = [("content-type", "application/xml"), ("x-ms-blob-content-type", Self.contentType.value)]
    if let digest = body.md5 { headers.append(("content-md5", digest)) }
    if let md5 { headers.append(("x-ms-blob-content-md5", Base64.encode(md5))) }
    let ready = headers
    try await retrying(key) { () throws(ObjectStorageError) in
      let response = try await send("PUT", key, query: [("comp", "blocklist")], headers: ready, body: body)
      guard response.isSuccess else { throw failure(response, key: key, uploads: true) }
    }
  }

  public func copy(from source: String, to target: String) async throws(ObjectStorageError) {
    try check(source)
    try check(target)
    guard source != target else {
      guard try await head(source) != nil else { throw .missing(source, bucket: name) }
      return
    }
    let isUnderstood = try await retrying(source) { () throws(ObjectStorageError) in
      let response = try await send("PUT", target, headers: headers(ofCopy: source))
      if AzureAnswer.errorCode(response) == "CannotVerifyCopySource", response.status != 404 { return false }
      guard response.isSuccess else { throw failure(response, key: source) }
      try await finish(Copy(response), from: source, to: target)
      return true
    }
    // The service does not take these credentials for the source.
    if !isUnderstood { try await put(target, read(source, range: nil).content) }
  }

  private struct Copy {
    var id: String?
    var status: String?

    init(_ response: HTTPResponse) {
      id = response.headers["x-ms-copy-id"]
      status = response.headers["x-ms-copy-status"]
    }
  }

  /// Within an account the service mostly is ready when it answers.
  private func finish(_ copy: Copy, from source: String, to target: String) async throws(ObjectStorageError) {
    guard copy.status == "pending", let id = copy.id else { return try settle(copy, source) }
    let abort = { @Sendable () async throws(ObjectStorageError) in
      try await request(
        "PUT", target, query: [("comp", "copy"), ("copyid", id)], headers: [("x-ms-copy-action", "abort")])
    }
    try await undoing(by: abort) { () throws(ObjectStorageError) in
      for round in 1...2000 {
        try await access.pause(afterFailures: round, bucket: name, key: source)
        let response = try await retrying(target) { () throws(ObjectStorageError) in
          let response = try await send("HEAD", target)
          guard response.isSuccess else { throw failure(response, key: target) }
          return response
        }
        let now = Copy(response)
        if now.id != id || now.status != "pending" { return try settle(now, source) }
      }
      throw ObjectStorageError(
        code: .unreachable, bucket: name, key: source, detail: "\(host) does not finish the copy")
    }
  }

  private func settle(_ copy: Copy, _ source: String) throws(ObjectStorageError) {
    if let status = copy.status, status != "success" {
      throw ObjectStorageError(
        code: .unreachable, bucket: name, key: source,
        detail: "the copy came to nothing (\(host) says \(StatusMeaning.word(status) ?? "something else"))")
    }
  }
}
