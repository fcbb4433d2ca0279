import Database
import FleetPlanning

/// Which versions run, at how many customers, and how far each is behind.
struct RunningVersions: Sendable {
  /// Versions that are counted: customers may report anything.
  static let most = 10_000

  /// The most frequent first; empty for those that never said.
  let counts: [(version: String, count: Int64)]
  let published: PublishedVersions

  /// Reads every customer's version.
  init(_ connection: any SQLConnection) throws {
    published = try Self.published(connection)
    counts = try connection.query(
      """
      SELECT coalesce("currentVersion", ''), count(*) FROM organizational_service
      GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT \(Self.most)
      """
    ).map { ($0[0].text ?? "", $0[1].integer ?? 0) }
  }

  /// What there is without reading the customers.
  static func published(_ connection: any SQLConnection) throws -> PublishedVersions {
    PublishedVersions(
      try connection.query("SELECT version FROM gcc_release WHERE status = 'published' AND NOT withdrawn")
        .compactMap { $0[0].text })
  }

  /// Of which it is known how many releases they are behind, and where that number is wanted.
  func versions(behind isWanted: (Int) -> Bool) -> [String] {
    counts.map(\.version).filter { version in published.behind(version).map { isWanted($0.releases) } ?? false }
  }
}
