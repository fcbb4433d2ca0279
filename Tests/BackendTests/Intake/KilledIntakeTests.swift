import Cryptography
import Database
import FleetProtocol
import ObjectStorage
import OfferPlanning
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// The process is killed before or after each of its transactions and each object that it stores, one run for each.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct KilledIntakeTests {
  @Test(arguments: TestDatabase.available)
  func aKillAtAnyMomentLosesNothingAndRepeatsNothing(_ kind: TestDatabase) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(kind, environment: vendor.environment) { fixture in
      var moment = 0
      while true {
        let version = "2.\(moment).0"
        let offer = try vendor.offer(version) {
          $0.isForced = true
          $0.isMigrationRequired = true
        }
        vendor.change { $0.moods = [.cut(after: 100)] }
        fixture.advance(.seconds(3600))
        let wasKilled = try await run(fixture, killedAt: moment)
        let row = try #require(
          await fixture.database.transaction(.write) {
            try ScheduledDeployment.find(releaseID: offer.releaseID, in: $0)
          })
        #expect(row.isDownloaded && row.status == .pending && row.artifactSha256 == offer.chartSha256, "\(moment)")
        let object = try await fixture.parts.bucket.get(row.chartBucketPath ?? "", maximumBytes: 1 << 20)
        #expect(SHA256.digest(of: object).hexadecimal == offer.chartSha256)
        let told = try await fixture.told().filter { $0["version"]?.string == version }
        #expect(
          told.compactMap { $0["kind"]?.string }.sorted() == ["forcedUpdate", "migrationDowntime", "releaseAvailable"],
          "killed at \(moment)")
        guard wasKilled else { break }
        moment += 1
      }
      #expect(moment > 10, "there were moments to be killed at")
      #expect(try await fixture.messageCount("report") == 0)
    }
  }

  /// - Returns: whether the moment came.
  private func run(_ fixture: BackendFixture, killedAt moment: Int) async throws -> Bool {
    let executioner = Executioner(moment)
    let database = KilledDatabase(base: fixture.database, executioner: executioner)
    try await fixture.withAnotherProcess(
      database: database, bucket: InterceptedBucket.killed(fixture.parts.bucket, by: executioner)
    ) { process in
      do {
        try await work(process, fixture)
      } catch {
        // It is gone, and nothing of what it would have done happens any more.
        #expect(executioner.isOver, "\(error)")
      }
    }
    try await fixture.withAnotherProcess { process in
      fixture.advance(.seconds(600))
      try await work(process, fixture)
    }
    return executioner.isOver
  }

  private func work(_ process: BackendParts, _ fixture: BackendFixture) async throws {
    for _ in 0..<3 {
      _ = try await process.intake.poller?.pass()
      try await fixture.fetchArtifacts(process)
      fixture.advance(.seconds(60))
    }
  }
}

/// Counts what a process does to the world, and kills it at one of these moments: after it nothing works.
private final class Executioner: Sendable {
  struct Killed: Error {}

  private let state: Mutex<(left: Int, isOver: Bool)>

  init(_ moment: Int) { state = Mutex((moment, false)) }

  var isOver: Bool { state.withLock { $0.isOver } }

  /// - Throws: where the process is dead, or dies now.
  func pass() throws(Killed) {
    let isOver = state.withLock { state in
      if state.left == 0 { state.isOver = true }
      state.left -= 1
      return state.isOver
    }
    if isOver { throw Killed() }
  }
}

private struct KilledDatabase: Database {
  let base: any Database
  let executioner: Executioner

  var dialect: SQLDialect { base.dialect }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    try executioner.pass()
    let value = try await base.transaction(mode, body)
    try executioner.pass()
    return value
  }

  func notifications(channel: String) -> AsyncStream<String> { base.notifications(channel: channel) }
  func close() async {}
}

extension InterceptedBucket {
  fileprivate static func killed(_ base: any Bucket, by executioner: Executioner) -> InterceptedBucket {
    let pass: Interception = { (call: Call) async throws(ObjectStorageError) in
      guard call == .put else { return }
      do throws(Executioner.Killed) {
        try executioner.pass()
      } catch {
        throw ObjectStorageError(code: .unreachable, bucket: base.name, detail: "killed")
      }
    }
    return InterceptedBucket(base: base, before: pass, after: pass)
  }
}
