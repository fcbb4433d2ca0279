import Database
import Logging
import Outbox
import ServiceLifecycle
import Timing
import WireFormats

/// The program's outbox: one runner for all that is to be sent, and who sends what, by topic.
struct MessageSenders: Sendable {
  /// What becomes of one topic's messages.
  struct Sender: Sendable {
    var policy: DeliveryPolicy
    var send: OutboxRunner.Send
    var giveUp: OutboxRunner.ReportDead = { _, _ in [] }
  }

  private var senders: [String: Sender] = [:]

  subscript(topic: String) -> Sender? {
    get { senders[topic] }
    set { senders[topic] = newValue }
  }

  func runner(
    database: any Database, now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) -> OutboxRunner {
    let senders = senders
    // One destination's messages of one topic are sent in their order.
    let configuration = OutboxConfiguration(
      name: "reports and notices", maximumInFlight: 8, maximumProbes: 4, perDestination: 1,
      sendTimeout: .seconds(45), policies: senders.mapValues(\.policy))
    return OutboxRunner(
      configuration, database: database, logger: logger, now: now,
      reportDead: { dead, connection in
        try Dictionary(grouping: dead, by: \.message.topic).sorted { $0.key < $1.key }.flatMap { topic, messages in
          try senders[topic]?.giveUp(messages, connection) ?? []
        }
      },
      send: { delivery in
        // A newer version that runs beside this one may know it.
        guard let sender = senders[delivery.message.topic] else {
          return .retry(
            after: .seconds(60), reason: "this version sends no messages about \(delivery.message.topic)")
        }
        return try await sender.send(delivery)
      })
  }
}

/// The outbox's runner as a service of the program.
struct OutboxService: Service {
  let runner: OutboxRunner

  func run() async throws {
    await withGracefulShutdownHandler {
      await runner.run()
    } onGracefulShutdown: {
      runner.stop()
    }
  }
}
