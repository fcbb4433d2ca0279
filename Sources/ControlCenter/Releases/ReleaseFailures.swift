import Cryptography
import Database
import FleetKinds
import FleetPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// What went wrong with a release: failures by what they have in common, and the customers behind each cause.
///
/// A cause is known by an opaque id. Which failure is of which cause is decided in one place, by `FailureGroups` over all failures in
/// the order of the customers' names, so that the list behind a cause holds whom the cause counts.
struct ReleaseFailures: Sendable {
  private static let shownGroups = 50

  let database: any Database
  /// Failures that are read at once.
  var setCount = 5_000

  func addRoutes(to router: Router<ServiceContext>) {
    let path = "/api/internal/releases/{version}/failures"
    router.endpoint(
      "\(path)",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await groups(of: try context.parameters.require("version")))
        }
      ])
    router.endpoint(
      "\(path)/organizations",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let query = request.uri.query
          return .json(
            try await organizations(
              of: try context.parameters.require("version"), group: try QueryItems(query)["group"],
              try PageRequest(query)))
        }
      ])
  }

  /// The most frequent causes with some of their customers, how many failures there are in all, and who was passed over.
  /// - Throws: `notFound` where there is no such release.
  func groups(of version: String) async throws -> JSONValue {
    let id = try await release(version)
    let (reported, blocked) = try await database.transaction(.read) { connection in
      (try Self.reported(id, connection), try Self.blocked(id, connection))
    }
    var groups = FailureGroups()
    try await read(id) { failure in
      failure.add(to: &groups)
      return true
    }
    let shown = groups.largest(Self.shownGroups)
    return [
      "release": .string(version), "reported": .integer(max(reported, Int64(groups.failed))),
      "failed": .integer(Int64(groups.failed)), "blocked": blocked,
      "groups": .array(
        shown.map { group in
          var json = group.json
          json["id"] = .string(Self.id(of: group.key))
          return json
        }), "groupsNotShown": .integer(Int64(groups.count - shown.count)),
    ]
  }

  /// The customers of one cause, or all that failed, by name.
  /// - Parameter group: the id of a cause, as `groups` gives it.
  /// - Throws: `notFound` where there is no such release.
  func organizations(of version: String, group: String?, _ page: PageRequest) async throws -> JSONValue {
    let id = try await release(version)
    let after = page.token ?? ""
    var groups = FailureGroups()
    var ids: [FailureGroups.Key: String] = [:]
    var found: [JSONValue] = []
    // From the first on, also for a later page: the cause of each depends on those before it.
    try await read(id) { failure in
      let key = failure.add(to: &groups)
      guard after.utf8.lexicographicallyPrecedes(failure.organization.utf8) else { return true }
      if let group {
        let known = ids[key] ?? Self.id(of: key)
        ids[key] = known
        guard known == group else { return true }
      }
      found.append(failure.json)
      return found.count <= page.limit
    }
    let (shown, next) = page.page(found) { $0["organization"]?.string ?? "" }
    var answer: JSONValue = ["organizations": .array(Array(shown))]
    if let next { answer["continue"] = .string(next) }
    return answer
  }

  // MARK: - Reading

  private struct Failure {
    var organization: String
    var reason: String?
    var component: String?
    var message: String?
    var state: TargetState

    @discardableResult
    func add(to groups: inout FailureGroups) -> FailureGroups.Key {
      groups.add(organization: organization, reason: reason, component: component, message: message)
    }

    var json: JSONValue {
      var json: JSONValue = [
        "organization": .string(organization),
        "reason": .string(reason.flatMap { $0.isEmpty ? nil : $0 } ?? FailureGroups.unknownReason),
        "component": .string(component ?? ""),
        "message": .string(String((message ?? "").prefix(RolloutProgress.maximumMessageByteCount))),
      ]
      json["isRolledBack"] = .bool(state == .rolledBack)
      return json
    }
  }

  private func release(_ version: String) async throws -> String {
    let id = try await database.transaction(.read) { connection in
      try connection.query("SELECT id FROM gcc_release WHERE version = $1", [.text(version)]).first?[0].text
    }
    guard let id else { throw StatusError(.notFound, "there is no release \"\(version.prefix(80))\"") }
    return id
  }

  /// All failures by the customers' names, until `body` returns false.
  private func read(_ release: String, _ body: (Failure) throws -> Bool) async throws {
    var last = ""
    while true {
      let rows = try await database.transaction(.read) { [last, setCount] connection in
        let name = "t.\"organizationName\"" + (connection.dialect == .postgresql ? " COLLATE \"C\"" : "")
        return try connection.query(
          """
          SELECT t."organizationName", t."failureReason", t.component, t."errorMessage", t.bucket, CAST(t.status AS text)
          FROM gcc_deployment_target AS t WHERE t."releaseId" = $1 AND t.bucket = 'failed' AND \(name) > $2
          ORDER BY \(name) LIMIT \(setCount)
          """, [.text(release), .text(last)])
      }
      for row in rows {
        let failure = Failure(
          organization: row[0].text ?? "", reason: row[1].text, component: row[2].text, message: row[3].text,
          state: TargetState(bucket: row[4].text, status: row[5].text) ?? .failed)
        guard try body(failure) else { return }
      }
      guard rows.count == setCount, let next = rows.last?[0].text else { return }
      last = next
    }
  }

  /// How many reported how it went: by the counters, and by looking only at those that are in no rollout.
  private static func reported(_ release: String, _ connection: any SQLConnection) throws -> Int64 {
    let counted = try connection.query(
      """
      SELECT coalesce(sum(count), 0) FROM gcc_rollout_counter
      WHERE bucket IN ('succeeded', 'failed')
        AND substr(rollout, length(rollout) - length(CAST($1 AS text))) = '/' || CAST($1 AS text)
      """, [.text(release)]
    ).first?[0].integer
    let others = try connection.query(
      """
      SELECT count(*) FROM gcc_deployment_target AS t
      WHERE t."releaseId" = $1 AND t."rolloutName" IS NULL AND t.bucket IN ('succeeded', 'failed')
      """, [.text(release)]
    ).first?[0].integer
    return (counted ?? 0) + (others ?? 0)
  }

  private static func blocked(_ release: String, _ connection: any SQLConnection) throws -> JSONValue {
    let rows = try connection.query(
      """
      SELECT t.blocked, count(*) FROM gcc_deployment_target AS t
      WHERE t."releaseId" = $1 AND t.bucket = 'blocked' GROUP BY t.blocked
      """, [.text(release)])
    return .object(Dictionary(rows.map { ($0[0].text ?? "", .integer($0[1].integer ?? 0)) }) { first, _ in first })
  }

  private static func id(of key: FailureGroups.Key) -> String {
    var hash = SHA256()
    for text in [key.reason, key.component, key.message] { hash.update(Array("\(text.utf8.count):\(text)".utf8)) }
    return String(hash.finalize().hexadecimal.prefix(16))
  }
}
