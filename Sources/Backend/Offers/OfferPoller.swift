import Database
import FleetProtocol
import Logging
import OfferPlanning
import Reconciliation
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Asks the vendor's server for updates: every five minutes, when it says to come, and when a webhook says that there is
/// something (spec §7.1). What it answers is all that is believed.
final class OfferPoller: Service {
  private let database: any Database
  private let client: VendorClient
  private let ledger: OfferLedger
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double
  private let logger: Logger
  /// Called when there is something to download.
  private let found: @Sendable () -> Void
  private let loop: DueLoop
  private let isWanted = Atomic(false)
  private let clock = VendorClock(activity: .poll)

  /// With the pauses between them, half an hour: a key is being replaced until then.
  private static let refusalsBeforeNotice: Int64 = 8

  init(
    database: any Database, client: VendorClient, ledger: OfferLedger, now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger, found: @escaping @Sendable () -> Void
  ) {
    self.database = database
    self.client = client
    self.ledger = ledger
    self.now = now
    self.random = random
    self.found = found
    var logger = logger
    logger[metadataKey: "controller"] = "offers"
    self.logger = logger
    loop = DueLoop(
      longestWait: .seconds(300), backoff: Backoff(base: .seconds(1), maximum: .seconds(60), jitter: 0.5),
      logger: logger)
  }

  /// Asks for a poll before its time. Costs nothing, however often it is called.
  func wake() {
    isWanted.store(true, ordering: .releasing)
    loop.wake()
  }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await loop.run { [self] in try await pass() }
    }
  }

  /// What is known of the last answer.
  private struct Memory: Sendable {
    var tag: String?
    var problem: String?
  }

  private enum Begin: Sendable {
    case wait(Duration)
    case poll(claim: Timestamp, Memory)
  }

  /// Asks, where it is time to.
  func pass() async throws -> DueLoop.Next {
    let wanted = isWanted.exchange(false, ordering: .acquiringAndReleasing)
    let begin: Begin
    do {
      let now = now()
      begin = try await database.transaction(.write) { [clock] connection in
        switch try clock.step(isWanted: wanted, now: now, in: connection) {
        case .wait(let wait): .wait(wait)
        case .claim(let claim): .poll(claim: claim, try Self.memory(connection))
        }
      }
    } catch {
      if wanted { isWanted.store(true, ordering: .releasing) }
      throw error
    }
    switch begin {
    case .wait(let wait): return .after(wait)
    case .poll(let claim, let memory): return .after(try await poll(claim, memory))
    }
  }

  /// The whole answer is needed where the release that it offered is not here or has ended here: offered again, it is
  /// wanted once more; and where others wait here that the vendor may have taken back.
  private static func memory(_ connection: any SQLConnection) throws -> Memory {
    let row = try connection.query(
      """
      SELECT c."updatesTag", c."offeredReleaseId", c."offerProblem", CAST(o.status AS text),
        EXISTS (SELECT 1 FROM scheduled_deployment AS d
          WHERE \(OfferLedger.notBegun(connection.dialect)) AND d."gccReleaseId" <> coalesce(c."offeredReleaseId", ''))
      FROM deployment_config AS c LEFT JOIN scheduled_deployment AS o ON o."gccReleaseId" = c."offeredReleaseId"
      WHERE c.id = 1
      """
    ).first
    let status = row?[3].text.flatMap(LocalDeploymentStatus.init)
    let isStale = row?[1].text != nil && (status.map(\.endsOffer) ?? true) || row?[4].boolean == true
    return Memory(tag: isStale ? nil : row?[0].text, problem: row?[2].text)
  }

  private func poll(_ claim: Timestamp, _ memory: Memory) async throws -> Duration {
    let askedAt = now()
    do throws(VendorFailure) {
      let updates = try await client.updates(tag: memory.tag)
      return try await end(claim, updates, memory, askedAt: askedAt)
    } catch {
      if error.kind == .cancelled { throw CancellationError() }
      return try await fail(claim, error)
    }
  }

  private func end(
    _ claim: Timestamp, _ updates: VendorClient.Updates, _ memory: Memory, askedAt: Timestamp
  ) async throws(VendorFailure) -> Duration {
    let (now, random) = (now(), random())
    do {
      let (pause, hasDownload) = try await database.transaction(.write) { [clock, ledger] connection in
        let state = try clock.state(connection)
        var pause = VendorSchedule.pause(interval: state.interval, wanted: updates.nextSeconds, random: random)
        // Another process has asked since, and knows better.
        guard clock.isHeld(claim, state) else { return (pause, false) }
        try ledger.notices.settle(.vendorRefusesKey, in: connection)
        var hasDownload = false
        if case .offer(let offer) = updates.content {
          var isTakenIn = true
          if let offer {
            let outcome = try ledger.takeIn(
              offer, askedAt: askedAt, problem: memory.problem, at: now, in: connection)
            if let wait = outcome.askAgain { pause = min(pause, wait) }
            (isTakenIn, hasDownload) = (outcome.isTakenIn, outcome.hasDownload)
          } else if memory.problem != nil {
            try ledger.clearProblem(connection)
          }
          if let wait = try ledger.takeBack(besides: offer, askedAt: askedAt, at: now, in: connection) {
            isTakenIn = false
            pause = min(pause, wait)
          }
          try connection.execute(
            "UPDATE deployment_config SET \"updatesTag\" = $1, \"offeredReleaseId\" = $2 WHERE id = 1",
            [SQLValue(isTakenIn ? updates.tag : nil), SQLValue(isTakenIn ? offer?.releaseID : nil)])
        }
        let next = try clock.end(claim, state, next: pause, failures: 0, now: now, in: connection)
        return (next ?? pause, hasDownload)
      }
      if hasDownload { found() }
      return pause
    } catch {
      throw VendorFailure(.unavailable(retryAfter: nil), "what the vendor offers could not be kept: \(error)")
    }
  }

  private func fail(_ claim: Timestamp, _ failure: VendorFailure) async throws -> Duration {
    let (now, random) = (now(), random())
    let (pause, failures) = try await database.transaction(.write) { [clock, ledger] connection in
      let state = try clock.state(connection)
      let failures = state.failures + 1
      if failure.kind == .unauthorized, failures >= Self.refusalsBeforeNotice {
        try ledger.notices.record(
          [AdminNotice(.vendorRefusesKey, fact: "vendor", detail: failure.message)], in: connection)
      }
      let pause = VendorSchedule.pause(failures: failures, retryAfter: failure.retryAfter, random: random)
      return (
        try clock.end(claim, state, next: pause, failures: failures, now: now, in: connection) ?? pause, failures
      )
    }
    logger.warning(
      "The vendor's server gave no updates",
      metadata: ["error": "\(failure.message)", "failures": "\(failures)", "delay": "\(pause)"])
    return pause
  }
}
