public import ResourceModel
import WireFormats

/// The kind `Rollout` (`ro`) of `deploy.wrktalk.com/v1`.
public enum RolloutKind: ResourceKind {
  public typealias Spec = RolloutSpec
  public typealias Status = RolloutStatus

  public static let names = FleetKind.names("Rollout", "ro")

  /// The annotation of a rollout that was previewed: it is made only while its plan still is that one.
  public static let planDigestAnnotation = "deploy.wrktalk.com/planDigest"
  /// Reason of the condition Ready where the release is deprecated, which is for good.
  public static let releaseDeprecated = "ReleaseDeprecated"
  /// The annotation that asks for another attempt at what failed, with the same content: an RFC 3339 time that is later than
  /// the last. It also takes up a rollout that was halted.
  public static let retryAnnotation = "deploy.wrktalk.com/retryRequestedAt"

  public static let definition = ResourceDefinition(
    names: names, table: "gcc_rollout",
    schema: .object(
      properties: ["spec": RolloutSpec.schema, "status": RolloutStatus.schema], required: ["spec"],
      Schema.Documentation(
        "How a release reaches the customers: stage by stage, each with limits and with a gate after it.")),
    isNamespaced: false, printerColumns: printerColumns,
    selectableFields: ["spec.release", "spec.state", "status.phase"],
    limits: ResourceLimits(objectBytes: 1 << 20, total: 10_000), computedCell: { cell($0, $1) },
    validate: { validate($0, old: $1) })

  private static func column(_ name: String, _ description: String) -> PrinterColumn {
    PrinterColumn(name: name, type: .string, jsonPath: "", description: description)
  }

  private static let printerColumns = [
    PrinterColumn(name: "Release", type: .string, jsonPath: ".spec.release", description: "What is rolled out."),
    PrinterColumn(name: "Phase", type: .string, jsonPath: ".status.phase", description: "How the rollout stands."),
    column("Stage", "The first stage that has not passed, as number of how many, with its name."),
    column("Succeeded", "How many run the release, of all members of the stages so far."),
    column("Failed", "How many failed."),
    .age,
    PrinterColumn(
      name: "Reason", type: .string, jsonPath: ".status.reason",
      description: "Why it stands so, and what would move it.",
      priority: 1),
  ]

  private static func cell(_ column: String, _ object: JSONValue) -> JSONValue? {
    let stages = object["status"]?["stages"]?.array ?? []
    func sum(_ bucket: String) -> Int64 {
      stages.reduce(0) { $0.addingSaturated($1["counts"]?[bucket]?.integer ?? 0) }
    }
    switch column {
    case "Stage":
      guard let index = stages.firstIndex(where: { $0["phase"]?.string != RolloutStatus.StagePhase.passed.rawValue })
      else { return stages.isEmpty ? nil : .string("\(stages.count)/\(stages.count)") }
      return .string("\(index + 1)/\(stages.count) \(stages[index]["name"]?.string ?? "")")
    case "Succeeded": return stages.isEmpty ? nil : .string("\(sum("succeeded"))/\(sum("members"))")
    case "Failed": return stages.isEmpty ? nil : .string("\(sum("failed"))")
    default: return nil
    }
  }
}
