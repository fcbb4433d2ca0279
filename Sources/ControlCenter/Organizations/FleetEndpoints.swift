import Database
import HTTPService
import HTTPTypes
import Hummingbird
import WireFormats

/// The fleet in numbers.
struct FleetEndpoints: Sendable {
  let database: any Database

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/internal/fleet/summary",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await summary())
        }
      ])
  }

  func summary() async throws -> JSONValue {
    try await database.transaction(.read) { connection in
      let health = try connection.query(
        "SELECT coalesce(health, 'NeverSeen'), count(*) FROM organizational_service GROUP BY 1 ORDER BY 1")
      let versions = try connection.query(
        """
        SELECT coalesce("currentVersion", ''), count(*) FROM organizational_service
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100
        """)
      let open = try connection.query(
        "SELECT type, count(*) FROM gcc_escalation WHERE \"resolvedAt\" IS NULL GROUP BY 1")
      var byHealth: JSONValue = [:]
      for row in health { byHealth[row[0].text ?? ""] = .integer(row[1].integer ?? 0) }
      var byType: JSONValue = [:]
      for row in open { byType[row[0].text ?? ""] = .integer(row[1].integer ?? 0) }
      let total = health.reduce(0) { $0 + ($1[1].integer ?? 0) }
      return [
        "organizations": .integer(total), "health": byHealth,
        "versions": .array(
          versions.map { ["version": .string($0[0].text ?? ""), "organizations": .integer($0[1].integer ?? 0)] }),
        "escalations": ["open": .integer(open.reduce(0) { $0 + ($1[1].integer ?? 0) }), "byType": byType],
      ]
    }
  }
}
