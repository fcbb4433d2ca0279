import Database
import FleetKinds
import FleetPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// What is asked of rollouts beside their objects: who would be in which stage, and what went wrong.
struct RolloutEndpoints: Sendable {
  static let maximumBodyByteCount = 1 << 20
  private static let pageCount = 10_000

  let database: any Database
  let progress: RolloutProgress
  let now: @Sendable () -> Timestamp

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/internal/rollouts/plan",
      [
        .post: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let bytes = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          let body = try JSONBody.parse(bytes)
          let spec = try Self.spec(body)
          let plan = try await self.plan(spec)
          var answer = plan.json
          answer["digest"] = .string(try PlanDigest.of(plan, spec))
          return .json(answer)
        }
      ])
    router.endpoint(
      "/api/internal/rollouts/{name}/progress",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await progress.summary(of: try context.parameters.require("name")))
        }
      ])
    router.endpoint(
      "/api/internal/rollouts/{name}/targets",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let query = request.uri.query
          return .json(
            try await progress.targets(
              of: try context.parameters.require("name"), try QueryItems(query), try PageRequest(query)))
        }
      ])
    router.endpoint(
      "/api/internal/releases/{version}/failures/organizations",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let query = try QueryItems(request.uri.query)
          return .json(
            try await failed(
              of: try context.parameters.require("version"), reason: query["reason"], component: query["component"],
              message: query["message"], try PageRequest(request.uri.query)))
        }
      ])
    router.endpoint(
      "/api/internal/releases/{version}/failures",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          return .json(try await failures(of: try context.parameters.require("version")))
        }
      ])
  }

  /// A rollout's object, or its spec alone.
  static func spec(_ body: JSONValue) throws(StatusError) -> RolloutSpec {
    var object = body
    if body["spec"] == nil { object = ["spec": body] }
    object["apiVersion"] = .string(RolloutKind.names.apiVersion)
    object["kind"] = .string(RolloutKind.names.kind)
    if object["metadata"]?["name"] == nil { object["metadata"] = ["name": "plan"] }
    let definition = RolloutKind.definition
    // The schema is of what is beside these.
    let named = object
    for member in ["apiVersion", "kind", "metadata"] { object[member] = nil }
    let given = definition.schema.applyDefaults(to: object)
    var problems = definition.schema.validate(given)
    object = given
    for member in ["apiVersion", "kind", "metadata"] { object[member] = named[member] }
    if problems.isEmpty { problems = definition.validate(object, nil) }
    guard problems.isEmpty, let rollout = try? object.decoded(as: Rollout.self) else {
      throw StatusError(
        .invalid, "the rollout is not valid: " + problems.map(\.description).joined(separator: "; "), causes: problems)
    }
    return rollout.spec
  }

  /// What the rollout would do if it began now.
  func plan(_ spec: RolloutSpec) async throws -> RolloutPlan {
    let (now, version) = (now(), spec.release)
    var organizations: [OrganizationFacts] = []
    let release = try await database.transaction(.read) { try RolloutSteps.release(version, $0) }
    guard let release else { throw StatusError(.notFound, "there is no release \"\(version.prefix(80))\"") }
    var last = ""
    while true {
      let rows = try await database.transaction(.read) { [last] connection in
        let dialect = connection.dialect
        let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
        return try connection.query(
          """
          SELECT o.name, CAST(o.labels AS text), o."currentVersion", \(dialect.text(ofTime: "o.\"licenseExpiresAt\"")),
            o."webhookEndpoint" IS NOT NULL AND o."webhookSecret" IS NOT NULL,
            t.id IS NOT NULL AND t.bucket <> 'cancelled', CAST(o."deploymentType" AS text)
          FROM organizational_service AS o
          LEFT JOIN gcc_deployment_target AS t ON t."releaseId" = $2 AND t."organizationName" = o.name
          WHERE o.name\(bytewise) > $1 ORDER BY o.name\(bytewise) LIMIT \(Self.pageCount)
          """, [.text(last), .text(release.id)])
      }
      organizations += rows.map { row in
        OrganizationFacts(
          name: row[0].text ?? "", labels: StageMembers.labels(row[1].text),
          deploymentType: row[6].text.flatMap { DeploymentType(columnWord: $0) } ?? .kubernetes,
          currentVersion: row[2].text, licenseExpiresAt: row[3].time, hasWebhookEndpoint: row[4].boolean ?? false,
          hasTarget: row[5].boolean ?? false)
      }
      guard rows.count == Self.pageCount, let next = rows.last?[0].text else { break }
      last = next
    }
    return RolloutPlan.make(spec, release: release.facts, organizations: organizations, now: now)
  }

  /// What a rollout that was previewed is made with: refused where it would do another thing now.
  /// - Throws: `invalid`.
  func requirePlan(_ digest: String, of object: JSONValue) async throws {
    let spec = try Self.spec(object)
    guard try PlanDigest.of(try await plan(spec), spec) == digest else {
      throw StatusError(
        .invalid,
        "the plan is another now than the one you were shown: customers, versions or licences have changed. Look at it again"
      )
    }
  }

  /// The customers of one group of failures, by name: those that `failures` counts there.
  func failed(
    of version: String, reason: String?, component: String?, message: String?, _ page: PageRequest
  ) async throws -> JSONValue {
    let setCount = 2_000
    var (found, last): ([JSONValue], String?) = ([], page.token ?? "")
    while let after = last, found.count <= page.limit {
      let rows = try await database.transaction(.read) { connection in
        let name = "t.\"organizationName\"" + (connection.dialect == .postgresql ? " COLLATE \"C\"" : "")
        return try connection.query(
          """
          SELECT t."organizationName", t."failureReason", t.component, t."errorMessage", CAST(t.status AS text)
          FROM gcc_deployment_target AS t
          WHERE t."releaseId" = (SELECT g.id FROM gcc_release AS g WHERE g.version = $1) AND t.bucket = 'failed'
            AND \(name) > $2 ORDER BY \(name) LIMIT \(setCount)
          """, [.text(version), .text(after)])
      }
      for row in rows {
        let key = FailureGroups.key(reason: row[1].text, component: row[2].text, message: row[3].text)
        guard reason.map({ $0 == key.reason }) ?? true, component.map({ $0 == key.component }) ?? true,
          message.map({ $0 == key.message }) ?? true
        else { continue }
        var json: JSONValue = ["organization": .string(row[0].text ?? ""), "reason": .string(key.reason)]
        json["component"] = .string(key.component)
        json["message"] = .string(String((row[3].text ?? "").prefix(RolloutProgress.maximumMessageByteCount)))
        json["isRolledBack"] = .bool(row[4].text == TargetPhase.rolledBack.columnWord)
        found.append(json)
        if found.count > page.limit { break }
      }
      last = rows.count == setCount ? rows.last?[0].text : nil
    }
    let (shown, next) = page.page(found) { $0["organization"]?.string ?? "" }
    var answer: JSONValue = ["organizations": .array(Array(shown))]
    if let next { answer["continue"] = .string(next) }
    return answer
  }

  /// Failures of a release by what they have in common, with the customers behind them.
  func failures(of version: String) async throws -> JSONValue {
    var groups = FailureGroups()
    let (id, reported, blocked) = try await database.transaction(.read) { connection in
      guard
        let id = try connection.query("SELECT id FROM gcc_release WHERE version = $1", [.text(version)]).first?[0].text
      else { throw StatusError(.notFound, "there is no release \"\(version.prefix(80))\"") }
      let reported = try connection.query(
        """
        SELECT count(*) FROM gcc_deployment_target WHERE "releaseId" = $1 AND bucket IN ('succeeded', 'failed')
        """, [.text(id)]
      ).first?[0].integer
      let blocked = try connection.query(
        """
        SELECT blocked, count(*) FROM gcc_deployment_target
        WHERE "releaseId" = $1 AND bucket = 'blocked' GROUP BY blocked
        """, [.text(id)])
      return (id, reported ?? 0, blocked)
    }
    var passedOver: JSONValue = [:]
    for row in blocked { passedOver[row[0].text ?? ""] = .integer(row[1].integer ?? 0) }
    var last = ""
    while true {
      let rows = try await database.transaction(.read) { [last] connection in
        try connection.query(
          """
          SELECT t.id, t."organizationName", t."failureReason", t.component, t."errorMessage"
          FROM gcc_deployment_target AS t
          WHERE t."releaseId" = $1 AND t.bucket = 'failed' AND t.id > $2 ORDER BY t.id LIMIT 5000
          """, [.text(id), .text(last)])
      }
      for row in rows {
        groups.add(
          organization: row[1].text ?? "", reason: row[2].text, component: row[3].text, message: row[4].text)
      }
      guard rows.count == 5000, let next = rows.last?[0].text else { break }
      last = next
    }
    return [
      "release": .string(version), "reported": .integer(reported), "failed": .integer(Int64(groups.failed)),
      "blocked": passedOver, "groups": .array(groups.largest().map(\.json)),
    ]
  }
}
