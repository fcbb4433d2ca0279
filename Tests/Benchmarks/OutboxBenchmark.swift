import Addresses
import BareWebhooks
import Database
import FleetProtocol
import HTTPTransport
import Logging
import Outbox
import Timing
import WireFormats

/// Prints how many webhooks a second are taken from the outbox, signed, delivered and written down as such, each to a destination of
/// its own, as a release to a whole fleet has them. Beside it a bare loop over libcurl's multi handle that only sends.
/// - Parameter url: of a new database.
func benchmarkOutbox(_ name: String, url: String, count: Int) async throws {
  let inFlight = 500
  let port = bare_receiver_start()
  guard port != 0 else { throw BenchmarkError(description: "no port for the receiver of webhooks") }
  let endpoint = "http://127.0.0.1:\(port)/webhook"
  let body = webhookBody
  let (clock, text) = (ContinuousClock(), String(decoding: body, as: UTF8.self))
  let bare = try clock.measure {
    let answered = unsafe bare_send(endpoint, text, Int32(inFlight), count)
    guard answered == count else { throw BenchmarkError(description: "the bare loop got \(answered) answers") }
  }

  var logger = Logger(label: "bench")
  logger.logLevel = .error
  let database = try await openDatabase(url, logger: logger)
  try await Migrator(Outbox.migrations, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
  for start in stride(from: 0, to: count, by: 1_000) {
    try await database.transaction(.write) { connection in
      let messages = (start..<min(start + 1_000, count)).map {
        OutboxMessage(topic: "webhook", destination: "organization-\($0)", payload: #"{"target":"\#($0)"}"#)
      }
      try Outbox.add(messages, to: connection, now: SystemTime.now())
    }
  }
  let client = HTTPClient(
    userAgent: "wrktalk-bench", limits: ClientConnectionLimits(total: inFlight, kept: inFlight),
    addresses: .publicInternet(allowing: ["127.0.0.1"].compactMap { AddressRange($0) }))
  let runner = OutboxRunner(
    OutboxConfiguration(name: "webhooks", maximumInFlight: inFlight), database: database, logger: logger,
    now: { SystemTime.now() },
    reportDead: { _, _ in [] },
    send: { delivery in
      let request = HTTPRequest(
        method: "POST", url: endpoint,
        headers: [
          ("Content-Type", "application/json"),
          (
            WebhookSignature.header,
            WebhookSignature.signature(of: body, secret: "a secret of \(delivery.message.destination)")
          ),
          (WebhookSignature.idHeader, delivery.message.id),
        ], body: .bytes(body))
      let response = try await client.send(request)
      return response.isSuccess ? .delivered : .retry(reason: "status \(response.status)")
    })
  let ours = try await clock.measure {
    let running = Task { await runner.run() }
    while try await database.transaction(.read, { try $0.query("SELECT 1 FROM outbox LIMIT 1") }).isEmpty == false {
      try await clock.sleep(for: .milliseconds(20))
    }
    running.cancel()
    runner.cancel()
    await running.value
  }
  await client.shutdown()
  await database.close()
  Measurement(
    what: "\(name): webhooks signed, delivered and recorded", count: count, duration: ours,
    reference: (name: "a bare curl_multi loop", count: count, duration: bare)
  ).print()
}
