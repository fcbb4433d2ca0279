import Database
import DeploymentKinds
import HTTPService
import HTTPTypes
import Hummingbird
import OfferPlanning
import ReleaseManifest
import ResourceModel
import WireFormats

/// How everything stands, in one answer: what runs and what one click would return to, the Agent, the vendor and what it was not told
/// yet, the watch over what was deployed last, and how far behind it is.
struct StatusEndpoints: Sendable {
  let context: DeploymentContext
  /// Whether there is a vendor to talk to.
  let hasVendor: Bool

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/status",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(try await status())
        }
      ])
  }

  func status() async throws -> JSONValue {
    let now = context.now()
    return try await context.database.transaction(.read) { [context, hasVendor] connection in
      let state = try DeploymentState.read(connection, locked: false)
      let policy = try PolicyState.read(connection, locked: false)
      var answer: JSONValue = [
        "now": .string(now.description), "namespace": .string(context.settings.namespace),
        "name": .string(context.settings.name),
      ]
      answer["organization"] = context.organization.map { .string($0) } ?? .null
      answer["currentVersion"] = state.currentVersion.map { .string($0) } ?? .null
      answer["agent"] = Self.agent(state, at: now)
      answer["vendor"] = try Self.vendor(hasVendor, connection)
      answer["reports"] = try Self.reports(connection)
      answer["healthWatch"] = try Self.watch(policy, connection)
      answer["rollback"] = try Self.rollback(from: state.currentVersion, connection)
      answer["behind"] = try Self.behind(state.currentVersion, connection)
      return answer
    }
  }

  private static func agent(_ state: DeploymentState, at now: Timestamp) -> JSONValue {
    let isOnline = state.lastAgentPoll.map { now - $0 < TaskRule.absence } ?? false
    return [
      "lastPoll": state.lastAgentPoll.map { .string($0.description) } ?? .null, "isOnline": .bool(isOnline),
      "executor": .string(state.executor.rawValue),
    ]
  }

  private static func vendor(_ isConfigured: Bool, _ connection: any SQLConnection) throws -> JSONValue {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT \(dialect.text(ofTime: "c.\"lastGccPoll\"")), \(dialect.text(ofTime: "c.\"lastHeartbeat\"")),
        c."pollFailures", \(dialect.text(ofTime: "c.\"nextGccPoll\""))
      FROM deployment_config AS c WHERE c.id = 1
      """
    ).first
    func time(_ index: Int) -> JSONValue { row?[index].time.map { .string($0.description) } ?? .null }
    return [
      "isConfigured": .bool(isConfigured), "lastPoll": time(0), "lastHeartbeat": time(1),
      "failures": .integer(row?[2].integer ?? 0), "nextPoll": time(3),
    ]
  }

  /// What waits until the vendor's server takes it.
  private static func reports(_ connection: any SQLConnection) throws -> JSONValue {
    let row = try connection.query(
      "SELECT count(*), min(created_at), max(last_error) FROM outbox WHERE topic = $1", [.text(VendorReports.topic)]
    ).first
    return [
      "waiting": .integer(row?[0].integer ?? 0),
      "oldest": (row?[1].integer).map { .string(Timestamp(microseconds: $0).description) } ?? .null,
      "lastError": (row?[2].text).map { .string($0) } ?? .null,
    ]
  }

  private static func watch(_ policy: PolicyState, _ connection: any SQLConnection) throws -> JSONValue {
    guard let watched = try WatchedDeployment.latest(connection) else { return .null }
    func time(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.description) } ?? .null }
    return [
      "version": .string(watched.version), "state": .string(watched.state.rawValue),
      "startedAt": time(watched.watch.startedAt),
      "endsAt": time(watched.watch.startedAt + policy.healthWatchLength), "badSince": time(watched.watch.badSince),
      "message": watched.message.map { .string($0) } ?? .null,
      "returnsTo": watched.returnsTo.map { .string($0) } ?? .null, "endedAt": time(watched.endedAt),
    ]
  }

  /// The version that ran in full health before the present one.
  private static func rollback(from current: String?, _ connection: any SQLConnection) throws -> JSONValue {
    guard let current else { return .null }
    let row = try connection.query(
      """
      SELECT h.version, \(connection.dialect.text(ofTime: "h.\"deployedAt\"")) FROM deployment_history AS h
      WHERE h.status = 'success' AND h.version <> $1 AND h.version <> '' ORDER BY h."deployedAt" DESC, h.id LIMIT 1
      """, [.text(current)]
    ).first
    guard let version = row?[0].text else { return .null }
    return ["version": .string(version), "ranAt": row?[1].time.map { .string($0.description) } ?? .null]
  }

  /// Offers that are newer than what runs.
  private static func behind(_ current: String?, _ connection: any SQLConnection) throws -> JSONValue {
    let rows = try connection.query(
      """
      SELECT d.version, \(connection.dialect.text(ofTime: "d.\"receivedAt\"")) FROM scheduled_deployment AS d
      WHERE CAST(d.status AS text) <> 'success' ORDER BY d."receivedAt" DESC, d.id LIMIT 200
      """)
    let running = current.flatMap { SemanticVersion($0) }
    let newer = rows.compactMap { row -> (version: SemanticVersion, text: String, since: Timestamp)? in
      guard let text = row[0].text, let version = SemanticVersion(text), let since = row[1].time,
        running.map({ $0 < version }) ?? true
      else { return nil }
      return (version, text, since)
    }
    guard let newest = newer.max(by: { $0.version < $1.version }) else { return ["versions": 0] }
    return [
      "versions": .integer(Int64(Set(newer.map(\.text)).count)), "newest": .string(newest.text),
      "since": newer.map(\.since).min().map { .string($0.description) } ?? .null,
    ]
  }
}
