import FleetProtocol
import Glibc
import HTTPService
import HTTPTransport
import Hummingbird
import NIOCore
import Synchronization
import TestSupport
import Testing
import Threads
import WireFormats

@testable import Access
@testable import Backend

/// `POST /api/deployment/webhook`, over HTTP.
@Suite(.timeLimit(.minutes(2))) struct WebhookTests {
  private static let secret = "webhook-secret"
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let body = ReleaseOffer(releaseID: "r", version: "2.3.0").body

  private final class Hints: Sendable {
    let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
  }

  private func serve(
    secret: String? = secret, refusal: String? = nil, connections: ConnectionLimits = ConnectionLimits(),
    _ body: @escaping @Sendable (BackendTestServer, _ hints: @Sendable () -> Int) async throws -> Void
  ) async throws {
    let hints = Hints()
    let webhook = WebhookEndpoint(
      secret: { secret }, now: { Self.now }, refusal: { refusal }, received: { hints.count.withLock { $0 += 1 } })
    try await BackendTestServer.run(
      service: BackendParts.adapted(ServiceConfiguration()), connections: connections,
      addRoutes: { webhook.addRoutes(to: $0) }, { server in try await body(server) { hints.value } })
  }

  private static func signed(
    _ body: [UInt8] = body, secret: String = secret, id: String? = nil, sentAt: Timestamp? = nil
  ) -> [(name: String, value: String)] {
    var headers = [
      (name: WebhookSignature.header, value: WebhookSignature.signature(of: body, secret: secret)),
      (name: "Content-Type", value: "application/json"),
    ]
    if let id { headers.append((WebhookSignature.idHeader, id)) }
    if let sentAt { headers.append((WebhookSignature.timestampHeader, String(sentAt.microseconds / 1_000_000))) }
    return headers
  }

  /// It is read again, but not for each of ten thousand that come in a second.
  @Test func aNewSecretCountsWithinASecondAndTheOldOneNoMore() async throws {
    struct Source: Sendable {
      var moment = WebhookTests.now
      var secret = "old-secret"
      var reads = 0
    }
    let source = Mutex(Source())
    let webhook = WebhookEndpoint(
      secret: {
        source.withLock { source in
          source.reads += 1
          return source.secret
        }
      }, now: { source.withLock { $0.moment } }, refusal: { nil }, received: {})
    try await BackendTestServer.run(
      service: BackendParts.adapted(ServiceConfiguration()), connections: ConnectionLimits(),
      addRoutes: { webhook.addRoutes(to: $0) },
      { server in
        let old = Self.signed(secret: "old-secret")
        let new = Self.signed(secret: "new-secret")
        let first = try await server.post(WebhookEndpoint.path, Self.body, headers: old)
        #expect(first.status == 200)
        source.withLock { $0.secret = "new-secret" }
        #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: new).status == 401)
        #expect(source.withLock { $0.reads } == 1)
        source.withLock { $0.moment = $0.moment + .seconds(1) }
        #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: new).status == 200)
        #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: old).status == 401)
        #expect(source.withLock { $0.reads } == 2)
      })
  }

  @Test func aSignedWebhookIsAcknowledgedAndWakesThePoll() async throws {
    try await serve { server, hints in
      let answer = try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed())
      #expect(answer.status == 200 && answer.json == ["received": true] && hints() == 1)
      let prefixed = [(name: WebhookSignature.header, value: "sha256=" + Self.signed()[0].value.uppercased())]
      #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: prefixed).status == 200)
      #expect(try await server.post("/api/deployment/other", Self.body, headers: Self.signed()).status == 401)
    }
  }

  /// A repeated delivery is one whose acknowledgement was lost.
  @Test func aRepetitionIsAcknowledgedAndWakesNobody() async throws {
    try await serve { server, hints in
      for _ in 0..<3 {
        let headers = Self.signed(id: "delivery-1", sentAt: Self.now)
        #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: headers).status == 200)
      }
      #expect(hints() == 1)
      _ = try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed(id: "delivery-2"))
      #expect(hints() == 2)
      // Who sends no id is known by what was sent.
      for _ in 0..<3 {
        #expect(try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed()).status == 200)
      }
      #expect(hints() == 3)
      let other = Self.body + Array(" ".utf8)
      #expect(try await server.post(WebhookEndpoint.path, other, headers: Self.signed(other)).status == 200)
      #expect(hints() == 4)
    }
  }

  @Test(arguments: [(-301, 400), (-300, 200), (0, 200), (300, 200), (301, 400), (10_000_000_000_000_000, 400)])
  func aWebhookIsOfThePresent(_ seconds: Int64, _ status: Int) async throws {
    try await serve { server, hints in
      let headers = Self.signed(sentAt: Self.now + .seconds(seconds))
      let answer = try await server.post(WebhookEndpoint.path, Self.body, headers: headers)
      #expect(answer.status == status && hints() == (status == 200 ? 1 : 0))
      #expect(status == 200 || answer.json["error"]?.string?.contains("clocks") == true)
    }
  }

  @Test func whatIsNotSignedAsItIsSentIsRefused() async throws {
    try await serve { server, hints in
      let wrong = [
        [], [(name: WebhookSignature.header, value: "")], [(name: WebhookSignature.header, value: "abc")],
        [(name: WebhookSignature.header, value: String(repeating: "0", count: 64))],
        [(name: WebhookSignature.header, value: String(repeating: "é", count: 32))], Self.signed(secret: "other"),
        Self.signed(Self.body + [32]),
      ]
      for headers in wrong {
        let answer = try await server.post(WebhookEndpoint.path, Self.body, headers: headers)
        #expect(answer.status == 401 && answer.json["error"]?.string?.contains("signature") == true)
      }
      #expect(hints() == 0)
    }
  }

  @Test func anExpiredLicenceAndAMissingSecretSayWhatToDo() async throws {
    try await serve(refusal: "License expired") { server, hints in
      let answer = try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed())
      #expect(answer.status == 403 && answer.json == ["error": "License expired"] && hints() == 0)
      #expect(try await server.post(WebhookEndpoint.path, Self.body).status == 401, "the signature comes first")
    }
    try await serve(secret: nil) { server, _ in
      let answer = try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed(secret: ""))
      #expect(answer.status == 503 && answer.json["error"]?.string?.contains("WRKTALK_WEBHOOK_SECRET") == true)
    }
  }

  @Test func aThousandAtOnceAreAllAcknowledged() async throws {
    try await serve { server, hints in
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<1000 {
          group.addTask {
            try await server.post(WebhookEndpoint.path, Self.body, headers: Self.signed(id: "\(index)")).status
          }
        }
        return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
      }
      #expect(statuses == [200: 1000] && hints() == 1000)
    }
  }

  /// Ten thousand of one address: refused unread once its allowance is used up, and the next webhook of another is not.
  @Test func aFloodOfWrongSignaturesIsRefusedUnread() async throws {
    let service = BackendParts.adapted(ServiceConfiguration())
    #expect(service.openRequests == WebhookEndpoint.allowance)
    let limiter = RateLimiter(rate: service.openRequests.rate, burst: service.openRequests.burst, now: { .seconds(1) })
    let refused = (0..<10_000).count { _ in limiter.take(for: "203.0.113.1") != nil }
    #expect(refused == 8000 && limiter.take(for: "203.0.113.2") == nil)
    // The same at the front, with a small allowance.
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture, openRequests: .init(rate: 1, burst: 20))
      let wrong = [(WebhookSignature.header, String(repeating: "0", count: 64))]
      var statuses: [Int: Int] = [:]
      for _ in 0..<400 {
        let body = CountedBody()
        let status = try await front.send(
          .post, WebhookEndpoint.path, body: RequestBody(asyncSequence: body), isJSON: true, headers: wrong
        ).status
        statuses[status, default: 0] += 1
        #expect(body.isRead.load(ordering: .relaxed) == (status == 401), "\(status)")
      }
      #expect(statuses.keys.sorted() == [401, 429] && statuses[429] ?? 0 > 200, "\(statuses)")
    }
  }

  /// Knows whether anybody has begun to read it.
  private final class CountedBody: AsyncSequence, Sendable {
    let isRead = Atomic(false)

    struct Iterator: AsyncIteratorProtocol {
      let body: CountedBody
      var isOver = false

      mutating func next() async -> ByteBuffer? {
        body.isRead.store(true, ordering: .relaxed)
        defer { isOver = true }
        return isOver ? nil : ByteBuffer(string: "{}")
      }
    }

    func makeAsyncIterator() -> Iterator { Iterator(body: self) }
  }

  @Test func aBodyWithoutEndIsCutOff() async throws {
    try await serve { server, hints in
      let large = [UInt8](repeating: 0x20, count: (64 << 10) + 1)
      let answer = try await server.post(WebhookEndpoint.path, large, headers: Self.signed(large))
      #expect(answer.status == 413 && answer.json["error"]?.string?.contains("65536") == true)
      let whole = [UInt8](repeating: 0x20, count: 64 << 10)
      #expect(try await server.post(WebhookEndpoint.path, whole, headers: Self.signed(whole)).status == 200)
      // 100 MB, once announced and once in chunks, of which only what the sockets hold is ever taken.
      for head in ["Content-Length: 104857600", "Transfer-Encoding: chunked"] {
        let sent = await RawClient.flood(
          port: server.port, head: head, signature: String(repeating: "0", count: 64), limit: 100 << 20)
        #expect(sent.bytes < 32 << 20, "\(sent.bytes) bytes were taken")
        #expect(sent.answer.contains(" 413 "), "\(sent.answer)")
      }
      #expect(hints() == 1)
    }
  }
}

/// Sends a body that is larger than anybody takes, until the server has had enough.
private enum RawClient {
  static func flood(
    port: Int, head: String, signature: String, limit: Int
  ) async -> (bytes: Int, answer: String) {
    await onOwnThread { run(port, head, signature, limit) }
  }

  private static func run(_ port: Int, _ head: String, _ signature: String, _ limit: Int) -> (Int, String) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return (0, "") }
    let text =
      "POST \(WebhookEndpoint.path) HTTP/1.1\r\nHost: localhost\r\n\(WebhookSignature.header): \(signature)\r\n\(head)\r\n\r\n"
    var piece = [UInt8](repeating: 0x20, count: 64 << 10)
    if head.contains("chunked") { piece = Array("10000\r\n".utf8) + piece + Array("\r\n".utf8) }
    var sent = 0
    func send(_ bytes: [UInt8]) -> Bool {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      sent += max(count, 0)
      return count == bytes.count
    }
    guard send(Array(text.utf8)) else { return (sent, "") }
    while sent < limit, send(piece) {}
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
    return (sent, String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self))
  }
}
