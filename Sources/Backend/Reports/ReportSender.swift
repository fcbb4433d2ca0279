import Database
import Logging
import Outbox
import Synchronization
import Timing
import WireFormats

/// Sends reports to the vendor's server, one after the other in the order in which they were kept, for as long as it is away.
struct ReportSender: Sendable {
  let database: any Database
  /// Nil where no vendor's server is configured.
  let client: VendorClient?
  let now: @Sendable () -> Timestamp
  let logger: Logger
  private let isKeyRefused = Flag()

  /// Whether it was said that the key is refused: once, until it is taken again.
  private final class Flag: Sendable {
    let value = Atomic(false)
  }

  /// A vendor's server may be away for weeks, and a customer's way out for longer.
  static let policy = DeliveryPolicy(
    backoff: Backoff(base: .seconds(5), maximum: .seconds(300), jitter: 0.5), maximumAttempts: .max,
    maximumAge: .seconds(366 * 86_400), longestRetryAfter: .seconds(3600))
  /// Between two tries with a key that is refused.
  private static let keyPause: Duration = .seconds(120)

  init(
    database: any Database, client: VendorClient?, now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.database = database
    self.client = client
    self.now = now
    self.logger = logger
  }

  var sender: MessageSenders.Sender {
    MessageSenders.Sender(
      policy: Self.policy, send: { try await send($0) }, giveUp: { try giveUp($0, in: $1) })
  }

  func send(_ delivery: Delivery) async throws -> SendAnswer {
    guard let report = VendorReport(delivery.message) else {
      return .rejected(reason: "the message is no report of this version")
    }
    guard let client else {
      return .retry(after: Self.keyPause, reason: "no vendor's server is configured any more: set WRKTALK_GCC_ENDPOINT")
    }
    do throws(VendorFailure) {
      try await client.report(report.body, to: report.path)
    } catch {
      return answer(to: error)
    }
    isKeyRefused.value.store(false, ordering: .relaxed)
    let now = now()
    // Before the outbox forgets it: sent again, it changes nothing at the vendor's.
    try await database.transaction(.write) { connection in
      try VendorReports.settle(report, isTaken: true, at: now, in: connection)
    }
    return .delivered
  }

  private func answer(to failure: VendorFailure) -> SendAnswer {
    switch failure.kind {
    case .rejected: return .rejected(reason: failure.message)
    case .unauthorized:
      if !isKeyRefused.value.exchange(true, ordering: .relaxed) {
        logger.error(
          "The vendor's server refuses this customer's key; reports wait", metadata: ["error": "\(failure.message)"])
      }
      return .retry(after: Self.keyPause, reason: failure.message)
    case .unavailable(let retryAfter): return .retry(after: retryAfter, reason: failure.message)
    case .invalid, .cancelled: return .retry(reason: failure.message)
    }
  }

  /// What the vendor will never take has come to its end, too: whether the release is offered once more does not depend on it.
  func giveUp(_ dead: [DeadMessage], in connection: any SQLConnection) throws -> [OutboxMessage] {
    let now = now()
    for message in dead {
      guard let report = VendorReport(message.message) else { continue }
      try VendorReports.settle(report, isTaken: false, at: now, in: connection)
    }
    return []
  }
}
