import Cryptography
import Synchronization
import TestSupport
import Timing
import WireFormats

@testable import ObjectStorage

/// Azure's blob service in memory, as far as buckets use it. It checks signatures, signed queries and tokens as the documents
/// of the service say, by its own reading of them.
final class AzureServer: Sendable {
  static let account = "wrktalkstore"
  static let key = (0..<64).map { UInt8($0) }
  static let signature = "sv=2021-12-02&sr=c&sp=racwdl&se=2030-01-01T00%3A00%3A00Z&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D"
  static let token = "token-of-an-identity"
  static let container = "customer-wrktalk"

  struct Blob: Sendable {
    var bytes: [UInt8]
    var etag: String
    var md5: String?
    var copyID: String?
  }

  private struct State {
    var blobs: [String: Blob] = [:]
    var blocks: [String: [String: [UInt8]]] = [:]
    var count = 0
  }

  private struct Refusal: Error {
    var status: Int
    var code: String
  }

  /// What is answered instead, where something is.
  typealias Fault = @Sendable (ServerRequest, ServerConnection) -> Bool

  private let state = Mutex(State())
  private let server = Mutex<LoopbackServer?>(nil)

  var endpoint: String { server.withLock { "\($0?.url ?? "")/\(Self.account)" } }

  /// Blocks that no blob has.
  var looseBlockCount: Int { state.withLock { $0.blocks.values.reduce(0) { $0 + $1.count } } }

  init(fault: @escaping Fault = { _, _ in false }) throws {
    let loopback = try LoopbackServer { [weak self] (request: ServerRequest, connection: ServerConnection) in
      guard !fault(request, connection), let self else { return }
      do throws(Refusal) {
        try self.answer(request, connection)
      } catch {
        let body = "<?xml version=\"1.0\"?><Error><Code>\(error.code)</Code><Message>No.</Message></Error>"
        connection.respond(
          error.status, headers: ["x-ms-error-code: \(error.code)", Self.date],
          body: request.method == "HEAD" ? [] : Array(body.utf8))
      }
    }
    server.withLock { $0 = loopback }
  }

  private static var date: String { "Date: \(HTTPDate.text(SystemTime.now()))" }

  private func answer(_ request: ServerRequest, _ connection: ServerConnection) throws(Refusal) {
    let parts = request.target.split(separator: "?", maxSplits: 1).map(String.init)
    var query: [String: String] = [:]
    for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      query[String(sides[0])] = PercentEncoding.decode(sides.count > 1 ? sides[1] : "") ?? ""
    }
    try authorize(request, path: parts[0], query)
    let names = parts[0].split(separator: "/", maxSplits: 2).map(String.init)
    guard names.count >= 2, names[0] == Self.account else { throw Refusal(status: 400, code: "InvalidUri") }
    guard names[1] == Self.container else { throw Refusal(status: 404, code: "ContainerNotFound") }
    guard names.count == 3, let key = PercentEncoding.decode(names[2]) else {
      connection.respond(200, body: Array(list(query).utf8))
      return
    }
    switch (request.method, query["comp"]) {
    case ("PUT", nil): try put(key, request, connection)
    case ("PUT", "block"?):
      try checkDigest(request)
      state.withLock { $0.blocks[key, default: [:]][query["blockid"] ?? ""] = request.body }
      connection.respond(201)
    case ("PUT", "blocklist"?): try commit(key, request, connection)
    case ("GET", nil), ("HEAD", nil): try get(key, request, connection)
    case ("DELETE", nil):
      let blob = state.withLock { $0.blobs.removeValue(forKey: key) }
      guard blob != nil else { throw Refusal(status: 404, code: "BlobNotFound") }
      connection.respond(202)
    default: throw Refusal(status: 400, code: "InvalidQueryParameterValue")
    }
  }

  // MARK: Who asks

  private func authorize(_ request: ServerRequest, path: String, _ query: [String: String]) throws(Refusal) {
    let failed = Refusal(status: 403, code: "AuthenticationFailed")
    guard request.headers["x-ms-version"] != nil, let date = request.headers["x-ms-date"].flatMap(HTTPDate.timestamp),
      (SystemTime.now() - date).components.seconds.magnitude < 900
    else { throw failed }
    let authorization = request.headers["authorization"]
    if let text = query["sig"] {
      guard "sig=\(PercentEncoding.encode(text))" == Self.signature.split(separator: "&").last ?? "" else {
        throw failed
      }
    } else if authorization?.hasPrefix("Bearer ") == true {
      guard authorization == "Bearer \(Self.token)" else {
        throw Refusal(status: 401, code: "InvalidAuthenticationInfo")
      }
    } else {
      guard authorization == "SharedKey \(Self.account):\(signature(request, path, query))" else { throw failed }
    }
  }

  private func signature(_ request: ServerRequest, _ path: String, _ query: [String: String]) -> String {
    var text = "\(request.method)\n"
    for name in [
      "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
      "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
    ] {
      let value = request.headers[name] ?? ""
      text += name == "content-length" && value == "0" ? "\n" : "\(value)\n"
    }
    for name in request.headers.keys.filter({ $0.hasPrefix("x-ms-") }).sorted() {
      text += "\(name):\(request.headers[name] ?? "")\n"
    }
    text += "/\(Self.account)\(path)"
    for name in query.keys.sorted() { text += "\n\(name):\(query[name] ?? "")" }
    return Base64.encode(HMACSHA256.authenticationCode(for: Array(text.utf8), key: Self.key))
  }

  // MARK: Blobs

  private func checkDigest(_ request: ServerRequest) throws(Refusal) {
    guard let expected = request.headers["content-md5"] else { return }
    guard MD5.digest(of: request.body).map({ Base64.encode($0) }) == expected else {
      throw Refusal(status: 400, code: "Md5Mismatch")
    }
  }

  private func store(_ key: String, _ bytes: [UInt8], md5: String?, copyID: String? = nil) {
    state.withLock { state in
      state.count += 1
      state.blocks[key] = nil
      state.blobs[key] = Blob(bytes: bytes, etag: "0x\(state.count)", md5: md5, copyID: copyID)
    }
  }

  private func put(_ key: String, _ request: ServerRequest, _ connection: ServerConnection) throws(Refusal) {
    if let source = request.headers["x-ms-copy-source"] {
      let address = source.split(separator: "?")[0]
      let prefix = "\(endpoint)/\(Self.container)/"
      guard address.hasPrefix(prefix), let name = PercentEncoding.decode(address.dropFirst(prefix.count)),
        let blob = state.withLock({ $0.blobs[name] })
      else { throw Refusal(status: 404, code: "BlobNotFound") }
      store(key, blob.bytes, md5: blob.md5, copyID: "copy-1")
      // It says that it is not ready, although it is: who asks next will be told.
      connection.respond(202, headers: ["x-ms-copy-id: copy-1", "x-ms-copy-status: pending"])
      return
    }
    guard request.headers["x-ms-blob-type"] == "BlockBlob" else {
      throw Refusal(status: 400, code: "MissingRequiredHeader")
    }
    try checkDigest(request)
    store(key, request.body, md5: request.headers["content-md5"])
    connection.respond(201)
  }

  private func commit(_ key: String, _ request: ServerRequest, _ connection: ServerConnection) throws(Refusal) {
    try checkDigest(request)
    guard let list = XMLParser.parse(request.body), list.name == "BlockList" else {
      throw Refusal(status: 400, code: "InvalidXmlDocument")
    }
    var bytes: [UInt8] = []
    for block in list.all("Latest") {
      guard let piece = state.withLock({ $0.blocks[key]?[block.text] }) else {
        throw Refusal(status: 400, code: "InvalidBlockList")
      }
      bytes += piece
    }
    store(key, bytes, md5: request.headers["x-ms-blob-content-md5"])
    connection.respond(201)
  }

  private func get(_ key: String, _ request: ServerRequest, _ connection: ServerConnection) throws(Refusal) {
    guard let blob = state.withLock({ $0.blobs[key] }) else { throw Refusal(status: 404, code: "BlobNotFound") }
    var headers = ["ETag: \"\(blob.etag)\"", "Content-Length: \(blob.bytes.count)"]
    if let id = blob.copyID { headers += ["x-ms-copy-id: \(id)", "x-ms-copy-status: success"] }
    if let md5 = blob.md5 { headers.append("Content-MD5: \(md5)") }
    if request.method == "HEAD" {
      connection.write("HTTP/1.1 200 OK\r\n\(headers.joined(separator: "\r\n"))\r\n\r\n")
      return
    }
    guard let text = request.headers["x-ms-range"] else {
      connection.respond(200, headers: headers.filter { !$0.hasPrefix("Content-Length") }, body: blob.bytes)
      return
    }
    let ends = text.drop { $0 != "=" }.dropFirst().split(separator: "-").compactMap { Int($0) }
    guard ends.count == 2, ends[0] < blob.bytes.count else { throw Refusal(status: 416, code: "InvalidRange") }
    let range = ends[0]...min(ends[1], blob.bytes.count - 1)
    connection.respond(
      206,
      headers: [
        headers[0], "Content-Range: bytes \(range.lowerBound)-\(range.upperBound)/\(blob.bytes.count)",
      ], body: Array(blob.bytes[range]))
  }

  private func list(_ query: [String: String]) -> String {
    let prefix = query["prefix"] ?? ""
    let all = state.withLock { state in
      state.blobs.filter { $0.key.hasPrefix(prefix) && $0.key > query["marker"] ?? "" }.sorted { $0.key < $1.key }
    }
    let page = all.prefix(Int(query["maxresults"] ?? "") ?? 5000)
    let blobs = page.map {
      "<Blob><Name>\(S3Answer.escaped($0.key))</Name><Properties><Content-Length>\($0.value.bytes.count)</Content-Length>"
        + "<Etag>\($0.value.etag)</Etag></Properties></Blob>"
    }
    let marker = page.count < all.count ? S3Answer.escaped(page.last?.key ?? "") : ""
    return "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>\(blobs.joined())</Blobs>"
      + "<NextMarker>\(marker)</NextMarker></EnumerationResults>"
  }
}
