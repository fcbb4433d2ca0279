import TestSupport
import Testing

/// The Backend while everything around it goes wrong: what it acknowledged is there afterwards, and its watchers saw every
/// change once and in order. `CHAOS_SECONDS` says how long each database is tried (`make chaos`: an hour), `CHAOS_SEED`
/// repeats the disturbances of a run.
@Suite(.postgreSQLServer, .serialized) struct ChaosTests {
  private static let seconds = Int(Testbed.variable("CHAOS_SECONDS") ?? "") ?? 20

  @Test(arguments: TestDatabase.available)
  func whatWasAcknowledgedIsThereAndWatchersSawItOnceAndInOrder(_ database: TestDatabase) async throws {
    let seed = Testbed.variable("CHAOS_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
    print("chaos on \(database.rawValue) for \(Self.seconds) s, CHAOS_SEED=\(seed)")
    try await ChaosRun.use(database, seed: seed) { run in
      try await run.run(for: .seconds(Self.seconds))
      for problem in run.record.problems(
        stored: try await run.storedObjects(), watchers: run.watchers.map(\.sightings)
      ).prefix(20) {
        Issue.record("\(problem) (CHAOS_SEED=\(seed))")
      }
    }
  }
}
