import Database
import Logging
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Keeps how many organizations run which version, hour by hour: of the last days every hour, of the time before the first hour
/// of each day, and nothing older than `longest`.
final class VersionSnapshots: Service {
  static let hourly: Duration = .seconds(8 * 86_400)
  static let longest: Duration = .seconds(400 * 86_400)
  /// Versions of one snapshot, those that most run; the others are what is left of all organizations.
  static let maximumVersions = 100

  private let database: any Database
  private let now: @Sendable () -> Timestamp
  private let loop: DueLoop
  private static let interval: Duration = .seconds(300)

  init(
    database: any Database, clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.database = database
    self.now = now
    var logger = logger
    logger[metadataKey: "controller"] = "version-snapshots"
    loop = DueLoop(
      longestWait: Self.interval, backoff: Backoff(maximum: .seconds(300)), clock: clock, logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown {
      try await self.pass()
      return .after(Self.interval)
    }
  }

  /// Makes the snapshot of the hour unless there is one, by whichever process.
  /// - Returns: whether it was made now.
  @discardableResult
  func pass() async throws -> Bool {
    let hour = now().wholeHours
    let isThere = try await database.transaction(.read) { connection in
      let dialect = connection.dialect
      return try !connection.query(
        "SELECT 1 FROM gcc_version_snapshot WHERE at = \(dialect.time("$1"))", [hour.column]
      ).isEmpty
    }
    guard !isThere else { return false }
    return try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let made = try connection.execute(
        """
        INSERT INTO gcc_version_snapshot (at, organizations)
        SELECT \(dialect.time("$1")), count(*) FROM organizational_service WHERE true ON CONFLICT (at) DO NOTHING
        """, [hour.column])
      guard made > 0 else { return false }
      try connection.execute(
        """
        INSERT INTO gcc_version_spread (at, version, organizations)
        SELECT \(dialect.time("$1")), coalesce("currentVersion", ''), count(*) FROM organizational_service
        GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT \(Self.maximumVersions)
        """, [hour.column])
      let isFirstOfDay = dialect == .postgresql ? "extract(hour FROM at) = 0" : "substr(at, 12, 2) = '00'"
      for table in ["gcc_version_spread", "gcc_version_snapshot"] {
        try connection.execute(
          """
          DELETE FROM \(table)
          WHERE at < \(dialect.time("$1")) OR (at < \(dialect.time("$2")) AND NOT \(isFirstOfDay))
          """, [(hour + (.zero - Self.longest)).column, (hour + (.zero - Self.hourly)).column])
      }
      return true
    }
  }
}

extension Timestamp {
  fileprivate var wholeHours: Timestamp { Timestamp(seconds: microseconds / 3_600_000_000 * 3600) }
}
