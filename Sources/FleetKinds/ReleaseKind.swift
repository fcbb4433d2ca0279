public import ResourceModel
import WireFormats

/// The kind `Release` (`rel`) of `deploy.wrktalk.com/v1`.
public enum ReleaseKind: ResourceKind {
  public typealias Spec = ReleaseSpec
  public typealias Status = ReleaseStatus

  public static let names = FleetKind.names("Release", "rel")

  /// Of a release manifest's envelope.
  public static let maximumManifestByteCount = 256 << 10
  public static let maximumReleaseNotesByteCount = 256 << 10
  public static let maximumSettingCount = 1_000
  public static let maximumSettingByteCount = 32 << 10

  public static let definition = ResourceDefinition(
    names: names, table: "gcc_release", schema: schema, isNamespaced: false, printerColumns: printerColumns,
    selectableFields: ["spec.state"], limits: ResourceLimits(objectBytes: 1 << 20, total: 10_000),
    validate: { validate($0, old: $1) })

  // MARK: Rules

  private static func validate(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    guard let spec = object["spec"] else { return [] }
    guard let old = old?["spec"] else { return nameErrors(object) + sizeErrors(spec) }
    return sizeErrors(spec) + changeErrors(spec, old)
  }

  private static func nameErrors(_ object: JSONValue) -> [FieldError] {
    guard let name = object["metadata"]?["name"]?.string else { return [] }
    if name.contains("+") {
      return [
        .invalid(
          "metadata.name", name,
          "is a version with build metadata, which has no order; leave out '+' and what follows it")
      ]
    }
    return Schema.string(.releaseVersion).validate(.string(name), at: "metadata.name")
  }

  /// The schema counts characters; what is kept has its size in bytes.
  private static func sizeErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (field, maximum) in [("manifest", maximumManifestByteCount), ("releaseNotes", maximumReleaseNotesByteCount)] {
      if let text = spec[field]?.string, text.utf8.count > maximum {
        errors.append(.tooLong("spec.\(field)", maximumBytes: maximum))
      }
    }
    for (index, setting) in (spec["newNonEssentialEnvs"]?.array ?? []).enumerated() {
      guard let value = setting["value"]?.string, value.utf8.count > maximumSettingByteCount else { continue }
      errors.append(.tooLong("spec.newNonEssentialEnvs[\(index)].value", maximumBytes: maximumSettingByteCount))
    }
    return errors
  }

  /// Customers deploy a published release as they saw it: what it holds stays.
  private static func changeErrors(_ spec: JSONValue, _ old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    if old["withdrawn"] == true, spec["withdrawn"] != true {
      errors.append(.forbidden("spec.withdrawn", "a release that was withdrawn stays so; make a new version"))
    }
    let state = spec["state"]?.string
    guard let was = old["state"]?.string, was != ReleaseState.draft.rawValue else {
      if state == ReleaseState.deprecated.rawValue {
        errors.append(.forbidden("spec.state", "a draft was offered to nobody, and cannot be deprecated; delete it"))
      }
      return errors
    }
    if state == ReleaseState.draft.rawValue {
      errors.append(
        .forbidden("spec.state", "a release that was published cannot become a draft again; deprecate or withdraw it"))
    }
    if was == ReleaseState.deprecated.rawValue, state == ReleaseState.published.rawValue {
      errors.append(
        .forbidden("spec.state", "a release that was deprecated cannot be published again; make a new version"))
    }
    let fields = Set((spec.object ?? [:]).keys).union((old.object ?? [:]).keys).subtracting(["state", "withdrawn"])
    for field in fields.sorted() where spec[field] != old[field] {
      errors.append(
        .forbidden(
          "spec.\(field)", "cannot be changed once the release was published; create a release of another version")
      )
    }
    return errors
  }

  // MARK: Form

  private static let schema = Schema.object(
    properties: ["spec": specSchema, "status": statusSchema], required: ["spec"],
    Schema.Documentation(
      """
      A version of the product as it is offered to customers. Its name is the version: a semantic version in lower \
      case without build metadata, such as 2.3.0.
      """))

  private static let specSchema = Schema.object(
    properties: [
      "state": .string(
        .oneOf(ReleaseState.self),
        Schema.Documentation(
          """
          Draft may still be changed and is offered to nobody, Published is offered, Deprecated is offered to nobody \
          any more but stays for those that run it.
          """, default: .string(ReleaseState.draft.rawValue))),
      "withdrawn": .boolean(
        Schema.Documentation(
          "True: offered to nobody any more, and every rollout of it is halted.", default: false)),
      "releaseNotes": .text("What is new, for people.", atMost: maximumReleaseNotesByteCount),
      "imageTags": .object(
        properties: [
          "backend": tag("backend"), "media": tag("media"), "controlTower": tag("Control Tower"),
          "agent": tag("Agent"),
        ], Schema.Documentation("The image tag of each service.", default: .object([:]))),
      "artifacts": .object(
        properties: [
          "helmSha256": .string(.sha256, Schema.Documentation("The SHA-256 digest of the Helm chart.")),
          "composeSha256": .string(.sha256, Schema.Documentation("The SHA-256 digest of the Compose bundle.")),
        ], Schema.Documentation("What customers download.")),
      "isForced": .boolean(
        Schema.Documentation("Whether customers must deploy it within 24 hours.", default: false)),
      "isMigrationRequired": .boolean(Schema.Documentation("Whether it migrates the database.", default: false)),
      "estimatedDowntime": .text("How long the product is expected to be down, in words."),
      "minCurrentVersion": .string(
        .releaseVersion, Schema.Documentation("A customer that runs an older version is not offered this one.")),
      "newNonEssentialEnvs": .array(
        of: .object(
          properties: [
            "key": .string(.environmentKey, Schema.Documentation("The name of the setting, for example NEW_FEATURE.")),
            "value": .text("Its value where the customer has none yet.", atMost: maximumSettingByteCount),
          ], required: ["key", "value"]),
        maximumCount: maximumSettingCount,
        Schema.Documentation(
          "Non-essential settings the version brings along. A setting that is already there keeps the customer's value.",
          listKey: "key")),
      "manifest": .string(
        Schema.StringRules(minimumLength: 1, maximumLength: maximumManifestByteCount),
        Schema.Documentation(
          "The vendor's signed release manifest: the text of a DSSE envelope, as wrktalkctl release sign writes it.")),
    ], Schema.Documentation("What the release is and whether it is offered.", default: .object([:])))

  private static func tag(_ service: String) -> Schema {
    .string(.imageTag, Schema.Documentation("The tag of the \(service)'s image; empty where it has none.", default: ""))
  }

  private static let statusSchema = Schema.object(
    properties: [
      "publishedAt": .time("When it was published first."), "createdBy": .text("Who created it."),
      "conditions": .conditions,
    ], Schema.Documentation("What became of the release. Written by the server only."))

  private static let printerColumns = [
    PrinterColumn(
      name: "State", type: .string, jsonPath: ".spec.state", description: "Draft, Published or Deprecated."),
    PrinterColumn(
      name: "Withdrawn", type: .boolean, jsonPath: ".spec.withdrawn", description: "Whether it is offered no more."),
    PrinterColumn(
      name: "Forced", type: .boolean, jsonPath: ".spec.isForced", description: "Whether customers must deploy it."),
    PrinterColumn(
      name: "Published", type: .date, jsonPath: ".status.publishedAt", description: "How long ago it was published."),
    .age,
    PrinterColumn(
      name: "Min Version", type: .string, jsonPath: ".spec.minCurrentVersion",
      description: "The oldest version from which it may be reached.", priority: 1),
    PrinterColumn(
      name: "Migration", type: .boolean, jsonPath: ".spec.isMigrationRequired",
      description: "Whether it migrates the database.", priority: 1),
    PrinterColumn(
      name: "Created By", type: .string, jsonPath: ".status.createdBy", description: "Who created it.", priority: 1),
  ]
}
