import ArgumentParser
import BareWebhooks
import FleetProtocol
import FoundationEssentials
import HTTPTransport
import SystemPackage
import Threads
import WireFormats

/// How long answers took.
struct Latencies: Sendable {
  private var microseconds: [Int64] = []

  mutating func note(_ duration: Duration) {
    microseconds.append(Int64((duration / .microseconds(1)).rounded()))
  }

  /// In milliseconds, with two digits.
  func percentile(_ part: Double) -> Double {
    let sorted = microseconds.sorted()
    guard !sorted.isEmpty else { return 0 }
    let value = sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    return Double((value + 5) / 10) / 100
  }

  var text: String { "p50 \(percentile(0.5)) ms, p99 \(percentile(0.99)) ms" }
}

private func say(_ line: String) {
  _ = try? FileDescriptor.standardOutput.writeAll((line + "\n").utf8)
}

private func content(_ path: String) throws -> String {
  guard let data = FileManager.default.contents(atPath: path),
    let text = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).first
  else { throw BenchmarkError(description: "\(path) cannot be read") }
  return String(text)
}

/// `wrktalk-bench webhook`: from a webhook to its acknowledgement, one after the other.
struct WebhookLatencyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhook", abstract: "Measure from a signed webhook to its acknowledgement by a Backend.")

  @Option(help: "Of the Backend's webhooks.")
  var url: String

  @Option(help: "Holds the secret that they are signed with.")
  var secretFile: String

  @Option(help: "How many are sent to each side.")
  var count = 1000

  func run() async throws {
    let secret = try content(secretFile)
    let body = ReleaseOffer(releaseID: "bench", version: "2.3.0", releaseNotes: "Bug fixes").body
    let client = HTTPClient(userAgent: "wrktalk-bench")
    let ours = try await Self.measure(client, url, body, secret, count)
    let count = count
    try await BareServer.run(secret: secret) { port in
      let bare = try await Self.measure(client, "http://127.0.0.1:\(port)/webhook", body, secret, count)
      let ratio = (ours.percentile(0.99) / max(bare.percentile(0.99), 0.01) * 100).rounded() / 100
      say("webhook to acknowledged: \(ours.text); a bare server of the same stack: \(bare.text), ratio of p99 \(ratio)")
    }
    await client.shutdown()
  }

  private static func measure(
    _ client: HTTPClient, _ url: String, _ body: [UInt8], _ secret: String, _ count: Int
  ) async throws -> Latencies {
    let clock = ContinuousClock()
    var latencies = Latencies()
    for number in 0..<count + 50 {
      let headers = [
        (name: WebhookSignature.header, value: WebhookSignature.signature(of: body, secret: secret)),
        (name: WebhookSignature.idHeader, value: "bench-\(number)"), (name: "Content-Type", value: "application/json"),
      ]
      let begin = clock.now
      let response = try await client.send(HTTPRequest(method: "POST", url: url, headers: headers, body: .bytes(body)))
      guard response.status == 200 else { throw BenchmarkError(description: "\(url) answered \(response.status)") }
      // The first ones open the connection.
      if number >= 50 { latencies.note(clock.now - begin) }
    }
    return latencies
  }
}

/// `wrktalk-bench flood`: webhooks with wrong signatures, beside what an Agent asks for.
struct FloodCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flood", abstract: "Send wrong signatures to a Backend, and measure its answers to an Agent meanwhile."
  )

  @Option(help: "The Backend's port on loopback.")
  var port: Int

  @Option(help: "What the Agent asks for.")
  var agentPath: String

  @Option(help: "Holds the Agent's token.")
  var tokenFile: String

  @Option(help: "Webhooks a second.")
  var rate = 10_000

  @Option(help: "For how long.")
  var seconds = 10.0

  /// What the Agent's p99 may become.
  private static let highestRatio = 10.0

  func run() async throws {
    let token = try content(tokenFile)
    let client = HTTPClient(userAgent: "wrktalk-bench")
    let before = try await agent(client, token, for: .seconds(seconds))
    let (port, rate, seconds) = (UInt16(clamping: port), rate, seconds)
    async let flood = onOwnThread { () -> [Int] in
      let body = #"{"eventType":"release.published"}"#
      let request =
        "POST /api/deployment/webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "\(WebhookSignature.header): \(String(repeating: "0", count: 64))\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      var statuses = [Int](repeating: 0, count: 600)
      unsafe bare_flood(port, request, rate, seconds, &statuses)
      return statuses
    }
    let during = try await agent(client, token, for: .seconds(seconds))
    let statuses = await flood
    await client.shutdown()
    let total = statuses.reduce(0, +)
    let answers = statuses.indices.filter { statuses[$0] > 0 }.map { "\(statuses[$0]) with \($0)" }
    let ratio = (during.percentile(0.99) / max(before.percentile(0.99), 0.01) * 100).rounded() / 100
    say("\(Int(Double(total) / seconds)) wrong signatures a second: \(answers.joined(separator: ", "))")
    say("  an Agent's requests meanwhile: \(during.text); without: \(before.text), ratio of p99 \(ratio)")
    guard ratio <= Self.highestRatio else {
      throw BenchmarkError(
        description:
          "under wrong signatures an Agent waits \(ratio) times as long, more than \(Self.highestRatio) times"
      )
    }
  }

  /// A hundred a second.
  private func agent(_ client: HTTPClient, _ token: String, for duration: Duration) async throws -> Latencies {
    let clock = ContinuousClock()
    var latencies = Latencies()
    let end = clock.now + duration
    while clock.now < end {
      let begin = clock.now
      let response = try await client.send(
        HTTPRequest(
          url: "http://127.0.0.1:\(port)\(agentPath)", headers: [("Authorization", "Bearer \(token)")]))
      guard response.status == 200 else {
        throw BenchmarkError(description: "the Agent was answered \(response.status)")
      }
      latencies.note(clock.now - begin)
      try await Task.sleep(for: .milliseconds(10))
    }
    return latencies
  }
}
