import FoundationEssentials
import HTTPTransport
import ResourceClient
import TestSupport
import Testing
import WireFormats

/// Webhooks with wrong signatures, as many as come, beside an Agent at work. What it costs in time is measured by the benchmarks.
@Suite(.timeLimit(.minutes(5))) struct WebhookFloodTests {
  private static let secret = "the-vendors-secret"
  private static let count = 3000

  @Test func aFloodOfWrongSignaturesGetsItsAnswerAndTheAgentItsOwn() async throws {
    let folder = try TemporaryFolder()
    let backend = try await ServerProcess(
      "wrktalk-backend", arguments: ["--data-dir", folder.file("backend")],
      environment: [
        "WRKTALK_GCC_ENDPOINT": "http://127.0.0.1:1", "WRKTALK_ORGANIZATION_NAME": "customer-x",
        "WRKTALK_GCC_API_KEY": "key", "WRKTALK_WEBHOOK_SECRET": Self.secret, "WRKTALK_LOG_LEVEL": "error",
      ])
    let token = try await backend.secret([
      "token", "create", "--role", "agent", "--name", "agent", "--namespace", "wrktalk",
    ])
    let http = HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 40, perHost: 40))
    let outcome: Result<Void, any Error>
    do {
      // What the first ones make it hold is not growth.
      _ = try await Self.flood(backend, http, Self.count / 4)
      let before = try Self.residentKilobytes(backend)
      async let wrong = Self.flood(backend, http, Self.count)
      let agent = try await Self.work(backend, http, token)
      let statuses = try await wrong
      #expect(agent == [200: 200], "the Agent was answered \(agent)")
      // The first of an address are looked at; beyond its allowance they are refused unread.
      #expect(Set(statuses.keys).isSubset(of: [401, 429]) && statuses.values.reduce(0, +) == Self.count, "\(statuses)")
      let growth = try Self.residentKilobytes(backend) - before
      #expect(growth < 48 << 10, "\(growth) KB more")
      // Another address has an allowance of its own.
      try await Self.expectSignedWebhookIsTaken(backend)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    await http.shutdown()
    await backend.program.stop()
    try outcome.get()
  }

  /// - Returns: how often each status was answered.
  private static func flood(_ backend: ServerProcess, _ http: HTTPClient, _ count: Int) async throws -> [Int: Int] {
    let request = HTTPRequest(
      method: "POST", url: "\(backend.url)/api/deployment/webhook",
      headers: [
        ("Content-Type", "application/json"), ("X-Webhook-Signature", String(repeating: "0", count: 64)),
      ], body: .bytes(Array(#"{"eventType":"release.published"}"#.utf8)))
    return try await withThrowingTaskGroup(of: [Int: Int].self) { group in
      for _ in 0..<30 {
        group.addTask {
          var statuses: [Int: Int] = [:]
          for _ in 0..<count / 30 { statuses[try await http.send(request).status, default: 0] += 1 }
          return statuses
        }
      }
      return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }
  }

  private static func work(_ backend: ServerProcess, _ http: HTTPClient, _ token: String) async throws -> [Int: Int] {
    var statuses: [Int: Int] = [:]
    for _ in 0..<200 {
      let response = try await http.send(
        HTTPRequest(
          url: "\(backend.url)/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments",
          headers: [("Authorization", "Bearer \(token)")]))
      statuses[response.status, default: 0] += 1
    }
    return statuses
  }

  private static func expectSignedWebhookIsTaken(_ backend: ServerProcess) async throws {
    let body = #"{"eventType":"release.published"}"#
    let signature = try await CustomerEnvironment.command(
      "sh", "-c", "printf %s '\(body)' | openssl dgst -sha256 -hmac '\(secret)' -hex | sed 's/.* //'")
    let answer = try await CustomerEnvironment.command(
      "curl", "-sS", "--fail-with-body", "--interface", "127.0.0.9", "-X", "POST",
      "\(backend.url)/api/deployment/webhook", "-H", "Content-Type: application/json", "-H",
      "X-Webhook-Signature: \(signature.filter { !$0.isWhitespace })", "-d", body)
    #expect(answer.contains(#""received":true"#), "\(answer)")
  }

  private static func residentKilobytes(_ backend: ServerProcess) throws -> Int {
    let data = try #require(
      FileManager.default.contents(atPath: "/proc/\(backend.program.processIdentifier)/status"))
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return try #require(line?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
  }
}
