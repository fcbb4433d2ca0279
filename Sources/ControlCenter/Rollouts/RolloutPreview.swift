import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import WireFormats

/// Rollouts before they begin: who would be in which stage as things are now, and whether that is still what a person was shown.
struct RolloutPreview: Sendable {
  private static let pageCount = 10_000
  /// Where a refusal lies, by which programs know it.
  static let digestField = "metadata.annotations[\(PlanDigest.annotation)]"

  let database: any Database
  let now: @Sendable () -> Timestamp

  /// A rollout's object, or its spec alone.
  /// - Throws: `invalid`, with each fault.
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
  /// - Throws: `notFound` where there is no such release.
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

  /// What a rollout that was previewed is made with: refused where it would do another thing now. It is looked at just before the
  /// rollout is written; members are fixed when each stage begins, of those that are there then.
  /// - Throws: `invalid` with `digestField` as its cause; `notFound` where there is no such release.
  func requirePlan(_ digest: String, of object: JSONValue) async throws {
    let spec = try Self.spec(object)
    guard try PlanDigest.of(try await plan(spec), spec) == digest else {
      throw Self.refused(
        "the plan is another now than the one you were shown: customers, versions or licences have changed. Look at it again"
      )
    }
  }

  /// The rollout as it is written over the one that is stored: where what was previewed changes, it is what was shown no longer,
  /// and does not say so.
  /// - Throws: `invalid` where it names a preview that it was not made with.
  static func withoutStaleDigest(_ object: JSONValue, over stored: JSONValue) throws(StatusError) -> JSONValue {
    guard let digest = object["metadata"]?["annotations"]?[PlanDigest.annotation] else { return object }
    guard digest == stored["metadata"]?["annotations"]?[PlanDigest.annotation] else {
      throw refused(
        "a plan is looked at when the rollout is made: leave the annotation out of what changes it")
    }
    if let now = try? spec(object), let before = try? spec(stored), PlanDigest.spec(now) == PlanDigest.spec(before) {
      return object
    }
    var object = object
    object["metadata"]?["annotations"]?[PlanDigest.annotation] = nil
    return object
  }

  private static func refused(_ message: String) -> StatusError {
    StatusError(.invalid, message, causes: [FieldError(field: digestField, reason: .invalid, message: message)])
  }
}
