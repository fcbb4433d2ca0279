import Addresses
import BareWebhooks
import HTTPTransport
import WireFormats

#if canImport(Glibc)
  import Glibc
#endif

/// Prints how many webhooks a second the HTTP client sends while so many are under way, as the sender of webhooks is made:
/// with a bound on connections and an address policy. Beside it a bare loop over libcurl's multi handle that does the same.
func benchmarkWebhooks(inFlight: Int, count: Int) async throws {
  allowDescriptors(inFlight * 2 + 500)
  let port = bare_receiver_start()
  guard port != 0 else { throw BenchmarkError(description: "no port for the receiver of webhooks") }
  let url = "http://127.0.0.1:\(port)/webhook"
  let body = webhookBody
  let clock = ContinuousClock()
  let text = String(decoding: body, as: UTF8.self)
  let bare = try clock.measure {
    let answered = unsafe bare_send(url, text, Int32(inFlight), count)
    guard answered == count else { throw BenchmarkError(description: "the bare loop got \(answered) answers") }
  }
  let client = HTTPClient(
    userAgent: "wrktalk-bench", limits: ClientConnectionLimits(total: inFlight, kept: inFlight),
    addresses: .publicInternet(allowing: ["127.0.0.1"].compactMap { AddressRange($0) }))
  let request = HTTPRequest(
    method: "POST", url: url,
    headers: [
      ("Content-Type", "application/json"),
      ("X-Webhook-Signature", "sha256=0123456789abcdef0123456789abcdef0123456789abcdef"),
    ], body: .bytes(body))
  let ours = try await clock.measure {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for sender in 0..<inFlight {
        group.addTask {
          for _ in stride(from: sender, to: count, by: inFlight) {
            let response = try await client.send(request)
            guard response.isSuccess else { throw BenchmarkError(description: "status \(response.status)") }
          }
        }
      }
      try await group.waitForAll()
    }
  }
  await client.shutdown()
  Measurement(
    what: "webhooks, \(inFlight) under way", count: count, duration: ours,
    reference: (name: "a bare curl_multi loop", count: count, duration: bare)
  ).print()
}

let webhookBody = JSONValue.object([
  "deliveryId": "4f2d7b1e-30c5-4d6a-9c5e-0a6c6f1d2b3c", "event": "release.published", "version": "2.3.0",
  "artifact": ["path": "artifacts/helm/wrktalk-2.3.0.tgz", "sha256": .string(String(repeating: "0f", count: 32))],
]).serialized()

/// Both ends of every connection are in this process.
private func allowDescriptors(_ count: Int) {
  var limit = rlimit()
  unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = min(max(limit.rlim_cur, rlim_t(count)), limit.rlim_max)
  unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

struct BenchmarkError: Error, CustomStringConvertible {
  var description: String
}
