public import ResourceModel
import WireFormats

/// The kind `DeploymentTarget` (`target`) of `deploy.wrktalk.com/v1`.
public enum DeploymentTargetKind: ResourceKind {
  public typealias Spec = DeploymentTargetSpec
  public typealias Status = DeploymentTargetStatus

  public static let names = FleetKind.names("DeploymentTarget", "target")

  /// What the object is called.
  public static func name(organization: String, release: String) -> String { "\(organization).\(release)" }

  public static let definition = ResourceDefinition(
    names: names, table: "gcc_deployment_target", schema: schema, isNamespaced: false,
    // One for each organization and release, all made by a few statements: none of them wants an owner of each field.
    tracksManagers: false, printerColumns: printerColumns,
    selectableFields: [
      "spec.organization", "spec.release", "spec.rollout", "spec.stage", "status.blocked", "status.bucket",
      "status.phase",
    ],
    // Counting millions for every one that is made would cost more than it guards: their number follows from the others'.
    limits: ResourceLimits(objectBytes: 64 << 10, total: nil), validate: { validate($0, old: $1) })

  private static func validate(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    guard let spec = object["spec"], let organization = spec["organization"]?.string,
      let release = spec["release"]?.string
    else { return [] }
    guard let was = old?["spec"] else {
      let expected = name(organization: organization, release: release)
      guard let name = object["metadata"]?["name"]?.string, name != expected else { return [] }
      return [.invalid("metadata.name", name, "must be organization and release with a dot between them: \(expected)")]
    }
    return ["organization", "release"].filter { spec[$0] != was[$0] }.map {
      .forbidden("spec.\($0)", "cannot be changed; a target is of one organization and one release")
    }
  }

  private static let schema = Schema.object(
    properties: ["spec": specSchema, "status": statusSchema], required: ["spec"],
    Schema.Documentation("One release for one organization: whether it was offered, and what became of it."))

  private static let specSchema = Schema.object(
    properties: [
      "release": .string(.releaseVersion, Schema.Documentation("The version. Cannot be changed.")),
      "organization": .string(.objectName, Schema.Documentation("The organization. Cannot be changed.")),
      "rollout": .string(.objectName, Schema.Documentation("The rollout that made it.")),
      "stage": .string(.stageName, Schema.Documentation("The stage of that rollout.")),
    ], required: ["release", "organization"], Schema.Documentation("What is for whom."))

  private static let statusSchema = Schema.object(
    properties: [
      "phase": .string(
        .oneOf(TargetPhase.self),
        Schema.Documentation("How it stands.", default: .string(TargetPhase.pending.rawValue))),
      "bucket": .string(
        .oneOf(TargetBucket.self), Schema.Documentation("How a rollout counts it: it is in exactly one.")),
      "offeredAt": .time("When it was offered first; left out until then."),
      "blocked": .string(.oneOf(BlockReason.self), Schema.Documentation("Why it is not offered.")),
      "webhook": .object(
        properties: [
          "sent": .boolean(Schema.Documentation("Whether the webhook was sent.", default: false)),
          "acked": .boolean(Schema.Documentation("Whether the customer acknowledged it.", default: false)),
          "retries": .integer(
            range: 0...Schema.largestCount, Schema.Documentation("How often it was sent again.", default: 0)),
          "error": .text("Why it was not acknowledged.", atMost: 4_096),
        ], Schema.Documentation("How the customer was notified.")),
      "scheduledFor": .time("When the customer's admin wants it deployed."),
      "startedAt": .time("When its deployment was reported to have begun, by the server's clock."),
      "completedAt": .time("When its deployment was reported to have ended, by the server's clock."),
      "helmRevision": .count("The revision of the Helm release."),
      "errorMessage": .text("What went wrong, as the customer reported.", atMost: 8_192),
      "reason": .text("What went wrong or why it stands so, in one word in CamelCase."),
      "component": .text("What of the release it was about."),
      "attempt": .text("The customer's name of the attempt last heard of."),
      "attemptNumber": .count("The customer's count of its attempts at this release."),
      "endedAttempts": .array(
        of: .text("An attempt's name."), maximumCount: DeploymentTargetStatus.maximumEndedAttempts,
        Schema.Documentation("Attempts that are over, oldest first: what still comes of them changes nothing.")),
      "conditions": .conditions,
    ], Schema.Documentation("What became of it. Written by the server only.", default: .object([:])))

  private static let printerColumns = [
    PrinterColumn(
      name: "Organization", type: .string, jsonPath: ".spec.organization", description: "Whom it is for."),
    PrinterColumn(name: "Release", type: .string, jsonPath: ".spec.release", description: "The version."),
    PrinterColumn(name: "Phase", type: .string, jsonPath: ".status.phase", description: "How it stands."),
    PrinterColumn(name: "Stage", type: .string, jsonPath: ".spec.stage", description: "The stage of the rollout."),
    PrinterColumn(name: "Blocked", type: .string, jsonPath: ".status.blocked", description: "Why it is not offered."),
    PrinterColumn(
      name: "Offered", type: .date, jsonPath: ".status.offeredAt", description: "How long ago it was offered."),
    .age,
    PrinterColumn(name: "Rollout", type: .string, jsonPath: ".spec.rollout", description: "Its rollout.", priority: 1),
    PrinterColumn(
      name: "Scheduled For", type: .string, jsonPath: ".status.scheduledFor",
      description: "When the customer wants it deployed.", priority: 1),
    PrinterColumn(
      name: "Reason", type: .string, jsonPath: ".status.reason", description: "What went wrong, in one word.",
      priority: 1),
    PrinterColumn(
      name: "Message", type: .string, jsonPath: ".status.errorMessage", description: "What went wrong.", priority: 1),
  ]
}
