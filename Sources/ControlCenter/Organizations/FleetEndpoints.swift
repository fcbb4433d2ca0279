import Database
import FleetPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// The fleet in numbers: how its customers fare, what they run, and how that has changed.
struct FleetEndpoints: Sendable {
  /// Versions that are shown one by one.
  private static let shownVersions = 100

  let database: any Database
  let now: @Sendable () -> Timestamp

  private var search: OrganizationSearch { OrganizationSearch(database: database, now: now) }

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/fleet"
    router.endpoint(
      "\(path)/summary",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await summary())
        }
      ])
    router.endpoint(
      "\(path)/versions",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let query = try QueryItems(request.uri.query)
          let end = try Self.time("to", query) ?? now()
          let start = try Self.time("from", query) ?? end + (.zero - VersionSnapshots.hourly)
          return .json(try await versions(from: start, to: end))
        }
      ])
    router.endpoint(
      "\(path)/organizations",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          try OrganizationFilter.checkNames(request.uri.query, besides: ["sort", "limit", "continue"])
          return .json(
            try await search.page(try QueryItems(request.uri.query), try PageRequest(request.uri.query)))
        }
      ])
  }

  /// What both databases can compare with, also some days before.
  private static let times = Timestamp(seconds: 946_684_800)...Timestamp(seconds: 253_402_300_799)

  private static func time(_ name: String, _ query: QueryItems) throws(StatusError) -> Timestamp? {
    guard let text = query[name] else { return nil }
    guard let time = Timestamp(text), Self.times.contains(time) else {
      throw StatusError(
        .badRequest,
        "the query parameter \(name) must be a time such as 2026-12-15T02:00:00Z, of the years from 2000 to 9999")
    }
    return time
  }

  // MARK: Now

  func summary() async throws -> JSONValue {
    try await database.transaction(.read) { connection in
      let health = try connection.query(
        "SELECT coalesce(health, 'NeverSeen'), count(*) FROM organizational_service GROUP BY 1 ORDER BY 1")
      let open = try connection.query(
        "SELECT type, count(*), count(DISTINCT \"organizationName\") FROM gcc_escalation WHERE \"resolvedAt\" IS NULL GROUP BY 1"
      )
      let versions = try RunningVersions(connection)
      let (counts, published) = (versions.counts, versions.published)
      var byHealth: JSONValue = [:]
      for row in health { byHealth[row[0].text ?? ""] = .integer(row[1].integer ?? 0) }
      var byType: JSONValue = [:]
      var customersByType: JSONValue = [:]
      for row in open {
        byType[row[0].text ?? ""] = .integer(row[1].integer ?? 0)
        customersByType[row[0].text ?? ""] = .integer(row[2].integer ?? 0)
      }
      let total = health.reduce(0) { $0 + ($1[1].integer ?? 0) }
      return [
        "organizations": .integer(total), "health": byHealth,
        "versions": .array(counts.prefix(Self.shownVersions).map { Self.json($0.version, $0.count, published) }),
        "behind": Self.behind(counts, published),
        "escalations": [
          "open": .integer(open.reduce(0) { $0 + ($1[1].integer ?? 0) }), "byType": byType,
          "organizationsByType": customersByType,
        ],
      ]
    }
  }

  private static func json(_ version: String, _ count: Int64, _ published: PublishedVersions) -> JSONValue {
    var json: JSONValue = ["version": .string(version), "organizations": .integer(count)]
    if let behind = published.behind(version) {
      json["behind"] = .integer(Int64(behind.releases))
      json["preReleasesBehind"] = .integer(Int64(behind.preReleases))
    }
    return json
  }

  /// How many are how many published releases behind, and of how many that is not known.
  private static func behind(_ counts: [(version: String, count: Int64)], _ published: PublishedVersions) -> JSONValue {
    var (byNumber, unknown): ([Int: Int64], Int64) = ([:], 0)
    for (version, count) in counts {
      if let behind = published.behind(version) {
        byNumber[behind.releases, default: 0] += count
      } else {
        unknown += count
      }
    }
    return [
      "releases": .array(
        byNumber.sorted { $0.key < $1.key }.map {
          ["behind": .integer(Int64($0.key)), "organizations": .integer($0.value)]
        }), "unknown": .integer(unknown),
    ]
  }

  // MARK: Over time

  /// The snapshots of a span: of every hour where it is short, of every day where it is long.
  func versions(from start: Timestamp, to end: Timestamp) async throws -> JSONValue {
    guard start <= end else { throw StatusError(.badRequest, "from must not be after to") }
    return try await database.transaction(.read) { connection in
      let dialect = connection.dialect
      let isHourly = end - start <= VersionSnapshots.hourly
      let isFirstOfDay = dialect == .postgresql ? "extract(hour FROM s.at) = 0" : "substr(s.at, 12, 2) = '00'"
      let rows = try connection.query(
        """
        SELECT \(dialect.text(ofTime: "s.at")), s.organizations, v.version, v.organizations
        FROM gcc_version_snapshot AS s LEFT JOIN gcc_version_spread AS v ON v.at = s.at
        WHERE s.at >= \(dialect.time("$1")) AND s.at <= \(dialect.time("$2"))\(isHourly ? "" : " AND \(isFirstOfDay)")
        ORDER BY s.at, v.organizations DESC, v.version
        """, [start.column, end.column])
      let published = try RunningVersions.published(connection)
      var snapshots: [JSONValue] = []
      var index = rows.startIndex
      while index < rows.endIndex {
        let at = rows[index][0].time
        let end = rows[index...].firstIndex { $0[0].time != at } ?? rows.endIndex
        let versions = rows[index..<end].compactMap { row in row[2].text.map { ($0, row[3].integer ?? 0) } }
        let all = rows[index][1].integer ?? 0
        snapshots.append([
          "at": .string(at?.wholeSeconds.description ?? ""), "organizations": .integer(all),
          "versions": .array(versions.map { Self.json($0.0, $0.1, published) }),
          "others": .integer(max(0, all - versions.reduce(0) { $0 + $1.1 })),
        ])
        index = end
      }
      return [
        "from": .string(start.wholeSeconds.description), "to": .string(end.wholeSeconds.description),
        "interval": .string(isHourly ? "1h" : "24h"), "snapshots": .array(snapshots),
      ]
    }
  }
}
