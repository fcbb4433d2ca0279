import Database
import Licensing
import Logging
import Reconciliation
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// The licences that customers may be sent, in memory: a heartbeat costs no query. Changes come by notification, and where one is
/// lost by a look at the table from time to time.
final class LicenseIndex: Service {
  private struct State {
    var licenses: [String: [IssuedLicense]] = [:]
    /// What the table was like when all of it was read.
    var mark: String?
  }

  /// How often the table is looked at even if nothing was notified.
  private static let interval = Duration.seconds(60)

  private let database: any Database
  private let now: @Sendable () -> Timestamp
  private let state = Mutex(State())
  private let loop: DueLoop

  init(database: any Database, now: @escaping @Sendable () -> Timestamp, logger: Logger) {
    self.database = database
    self.now = now
    loop = DueLoop(longestWait: Self.interval, backoff: Backoff(maximum: .seconds(30)), logger: logger)
  }

  /// The token that a customer is to have instead of its own.
  /// - Parameters:
  ///   - license: the id of the one that it has.
  ///   - installation: nil from a program that would not take it.
  func renewal(for organization: String, holding license: String?, installation: String?) -> String? {
    guard let installation, let licenses = state.withLock({ $0.licenses[organization] }),
      let newest = IssuedLicense.newest(of: licenses, for: installation, at: now()), newest.license.id != license
    else { return nil }
    return newest.token
  }

  /// Follows the table until the program ends.
  func run() async throws {
    await loop.runUntilShutdown(following: LicenseLedger.channel, of: database) { [self] names in
      try await self.pass(names)
      return .after(Self.interval)
    }
  }

  /// - Parameter names: whose licences have changed; nil: anybody's.
  func pass(_ names: Set<String>?) async throws {
    guard let names, !names.isEmpty else {
      // What no notification told of, such as what a command did beside an embedded database.
      let mark = try await database.transaction(.read) { try Self.mark($0) }
      if mark != state.withLock({ $0.mark }) { try await load() }
      return
    }
    let rows = RowSet("name", of: names.sorted())
    let found = try await read("\"organizationName\" IN (SELECT r.name FROM \(rows.source(database.dialect)))", rows)
    state.withLock { state in
      for name in names { state.licenses[name] = found[name] }
      state.mark = nil
    }
  }

  private func load() async throws {
    let mark = try await database.transaction(.read) { try Self.mark($0) }
    let found = try await read("true", nil)
    state.withLock { state in (state.licenses, state.mark) = (found, mark) }
  }

  private func read(_ condition: String, _ rows: RowSet?) async throws -> [String: [IssuedLicense]] {
    let moment = now()
    return try await database.transaction(.read) { connection in
      let dialect = connection.dialect
      var parameters: [SQLValue] = rows.map { [$0.parameter] } ?? []
      parameters.append(moment.column)
      let licenses = try connection.query(
        """
        SELECT \(IssuedLicense.columns(dialect)) FROM gcc_license
        WHERE "revokedAt" IS NULL AND ("expiresAt" IS NULL OR "expiresAt" > \(dialect.time("$\(parameters.count)")))
          AND \(condition)
        """, parameters
      ).map { row in
        var issued = IssuedLicense(row)
        // There is one for every customer: what is for people only stays in the table.
        (issued.license.edition, issued.license.limits, issued.issuedBy) = (nil, [:], "")
        return issued
      }
      return Dictionary(grouping: licenses) { $0.license.organization }
    }
  }

  /// Other than before where a licence was issued, revoked or removed.
  private static func mark(_ connection: any SQLConnection) throws -> String {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT count(*), max(\(dialect.text(ofTime: "\"issuedAt\""))), count("revokedAt"),
        max(\(dialect.text(ofTime: "\"revokedAt\""))) FROM gcc_license
      """
    ).first
    return "\(row?[0].integer ?? 0) \(row?[1].text ?? "") \(row?[2].integer ?? 0) \(row?[3].text ?? "")"
  }
}
