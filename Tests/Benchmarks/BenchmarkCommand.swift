import ArgumentParser

/// The measurements that need no container engine.
@main
struct BenchmarkCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wrktalk-bench",
    abstract: "Measure the work queue, the verification of releases, webhooks and the resource store.",
    subcommands: [WebhookLatencyCommand.self, FloodCommand.self])

  @Flag(help: "Fewer objects, for a first look.")
  var quick = false

  @Option(help: "A new file for SQLite.")
  var sqlite: String?

  @Option(help: "The URL of a new PostgreSQL database.")
  var postgresql: String?

  @Option(help: "The URL of another new PostgreSQL database, for webhooks that are sent from it.")
  var outbox: String?

  func run() async throws {
    await benchmarkQueue(keys: quick ? 100_000 : 1_000_000)
    try benchmarkVerification(count: quick ? 500 : 5000)
    try await benchmarkWebhooks(inFlight: 2000, count: quick ? 20_000 : 200_000)
    let records = quick ? 5000 : 100_000
    if let sqlite { try await StoreBenchmark("SQLite", url: "sqlite:\(sqlite)", records: records).run() }
    if let outbox { try await benchmarkOutbox("PostgreSQL", url: outbox, count: quick ? 5_000 : 50_000) }
    if let postgresql {
      try await StoreBenchmark("PostgreSQL", url: postgresql, records: records).run()
    }
  }
}
