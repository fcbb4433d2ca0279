import Database
import DeploymentKinds
import FleetProtocol
import Logging
import OfferPlanning
import Outbox
import Reconciliation
import ResourceModel
import ResourceStorage
import ServiceLifecycle
import Timing
import WireFormats

/// Says to the vendor's server every five minutes that this customer is there, and how it is (spec §7.1).
final class HeartbeatLoop: Service {
  private let database: any Database
  private let store: SQLResourceStore
  private let client: VendorClient
  private let settings: DeploymentSettings
  private let license: LicenseExchange
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double
  private let logger: Logger
  private let loop: DueLoop
  private let clock = VendorClock(activity: .heartbeat)

  /// How long to wait before looking whether heartbeats are turned on again.
  private static let disabledPause: Duration = .seconds(60)
  private static let maximumLicenseBytes = 64 << 10

  init(
    database: any Database, store: SQLResourceStore, client: VendorClient, settings: DeploymentSettings,
    license: LicenseExchange, now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger
  ) {
    self.database = database
    self.store = store
    self.client = client
    self.settings = settings
    self.license = license
    self.now = now
    self.random = random
    var logger = logger
    logger[metadataKey: "controller"] = "heartbeat"
    self.logger = logger
    loop = DueLoop(
      longestWait: .seconds(300), backoff: Backoff(base: .seconds(1), maximum: .seconds(60), jitter: 0.5),
      logger: logger)
  }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await loop.run { [self] in try await pass() }
    }
  }

  private enum Begin: Sendable {
    case wait(Duration)
    case beat(claim: Timestamp, DeploymentState, pendingReports: Int64)
  }

  func pass() async throws -> DueLoop.Next {
    let moment = now()
    let begin: Begin = try await database.transaction(.write) { [clock] connection in
      guard try clock.state(connection).isHeartbeatEnabled else { return .wait(Self.disabledPause) }
      switch try clock.step(isWanted: false, now: moment, in: connection) {
      case .wait(let wait): return .wait(wait)
      case .claim(let claim):
        let pending = try connection.query("SELECT count(*) FROM outbox WHERE topic = '\(VendorReports.topic)'").first
        return .beat(
          claim: claim, try DeploymentState.read(connection, locked: false), pendingReports: pending?[0].integer ?? 0)
      }
    }
    switch begin {
    case .wait(let wait): return .after(wait)
    case .beat(let claim, let state, let pendingReports):
      // An Agent that polls for tasks writes no conditions, and one that is away none of now.
      let isOfNow = state.executor == .record && state.lastAgentPoll.map { moment - $0 <= TaskRule.absence } == true
      let health = ReportedHealth(try await conditions(), isOfNow: isOfNow)
      var heartbeat = Heartbeat(
        version: state.currentVersion, status: health.rawValue, agentLastPoll: state.lastAgentPoll,
        pendingReports: pendingReports, timestamp: moment.wholeSeconds)
      license.sign(&heartbeat)
      return .after(try await beat(heartbeat.json, claim))
    }
  }

  /// Nil where there is no DesiredDeployment.
  private func conditions() async throws -> [Condition]? {
    let key = ObjectKey(namespace: settings.namespace, name: settings.name)
    guard let stored = try await store.get(DesiredDeploymentKind.definition, key) else { return nil }
    // Of a status that cannot be read nothing is known.
    return (try? stored.value().decoded(as: DesiredDeployment.self))?.status?.conditions ?? []
  }

  private func beat(_ heartbeat: JSONValue, _ claim: Timestamp) async throws -> Duration {
    var (failure, answer): (VendorFailure?, JSONValue) = (nil, .null)
    do throws(VendorFailure) {
      answer = try await client.beat(heartbeat)
    } catch {
      if error.kind == .cancelled { throw CancellationError() }
      failure = error
    }
    if let license = answer["license"]?.string, license.utf8.count <= Self.maximumLicenseBytes {
      do {
        try await self.license.receive(license)
      } catch {
        logger.warning("The licence that the vendor sent is not taken", metadata: ["error": "\(error)"])
      }
    }
    let (now, random, failed, wanted) = (now(), random(), failure, answer["nextHeartbeatSeconds"]?.integer)
    let pause = try await database.transaction(.write) { [clock] connection in
      let state = try clock.state(connection)
      let failures = failed == nil ? 0 : state.failures + 1
      let pause =
        failed.map { VendorSchedule.pause(failures: failures, retryAfter: $0.retryAfter, random: random) }
        // The interval of polls is the customer's setting; heartbeats keep the specification's.
        ?? VendorSchedule.pause(interval: 300, wanted: wanted, random: random)
      return try clock.end(claim, state, next: pause, failures: failures, now: now, in: connection) ?? pause
    }
    if let failure {
      logger.warning(
        "The vendor's server took no heartbeat", metadata: ["error": "\(failure.message)", "delay": "\(pause)"])
    }
    return pause
  }
}
