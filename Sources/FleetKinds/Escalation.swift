public import ResourceModel
public import WireFormats

/// Something that a person at the vendor's has to look after.
public typealias Escalation = Resource<EscalationKind>

/// Written in objects as the specification's table has it.
public enum EscalationType: String, ColumnWord, Codable {
  case forced24hExceeded = "FORCED_24H_EXCEEDED"
  case minVersionBlocked = "MIN_VERSION_BLOCKED"
  case licenseExpired = "LICENSE_EXPIRED"
  case deploymentFailed = "DEPLOYMENT_FAILED"
  case clientOffline = "CLIENT_OFFLINE"

  public var columnWord: String { rawValue }
}

public struct EscalationSpec: Sendable, Hashable, Codable {
  public var organization: String
  public var type: EscalationType
  /// For people.
  public var reason: String
  public var metadata: JSONValue?
  /// What was done about it; set by whoever resolves it.
  public var resolution: String?

  public init(
    organization: String, type: EscalationType, reason: String, metadata: JSONValue? = nil, resolution: String? = nil
  ) {
    self.organization = organization
    self.type = type
    self.reason = reason
    self.metadata = metadata
    self.resolution = resolution
  }
}

public struct EscalationStatus: Sendable, Hashable, Codable {
  /// Nil while it is open.
  public var resolvedAt: Timestamp?

  public init(resolvedAt: Timestamp? = nil) {
    self.resolvedAt = resolvedAt
  }
}

/// The kind `Escalation` (`esc`) of `deploy.wrktalk.com/v1`.
public enum EscalationKind: ResourceKind {
  public typealias Spec = EscalationSpec
  public typealias Status = EscalationStatus

  public static let names = FleetKind.names("Escalation", "esc")

  public static let definition = ResourceDefinition(
    names: names, table: "gcc_escalation", schema: schema, isNamespaced: false, printerColumns: printerColumns,
    selectableFields: ["spec.organization", "spec.type"], limits: ResourceLimits(objectBytes: 64 << 10, total: nil),
    validate: { object, old in
      guard let spec = object["spec"], let was = old?["spec"] else { return [] }
      return ["organization", "type"].filter { spec[$0] != was[$0] }.map {
        .forbidden("spec.\($0)", "cannot be changed; an escalation is of one fact")
      }
    })

  private static let schema = Schema.object(
    properties: [
      "spec": .object(
        properties: [
          "organization": .string(.objectName, Schema.Documentation("Whom it is about. Cannot be changed.")),
          "type": .string(.oneOf(EscalationType.self), Schema.Documentation("What it is about. Cannot be changed.")),
          "reason": .text("Why, in a sentence for people.", atMost: 8_192),
          "metadata": .any(Schema.Documentation("What else is known, for programs.")),
          "resolution": .text("What was done about it. Setting it resolves the escalation.", atMost: 8_192),
        ], required: ["organization", "type", "reason"], Schema.Documentation("What there is to look after.")),
      "status": .object(
        properties: [
          "resolvedAt": .time("When it was resolved; left out while open.")
        ], Schema.Documentation("Since when, until when. Written by the server only.")),
    ], required: ["spec"], Schema.Documentation("Something that a person at the vendor's has to look after."))

  private static let printerColumns = [
    PrinterColumn(
      name: "Organization", type: .string, jsonPath: ".spec.organization", description: "Whom it is about."),
    PrinterColumn(name: "Type", type: .string, jsonPath: ".spec.type", description: "What it is about."),
    PrinterColumn(
      name: "Escalated", type: .date, jsonPath: ".metadata.creationTimestamp",
      description: "How long ago it came about."),
    PrinterColumn(
      name: "Resolved", type: .date, jsonPath: ".status.resolvedAt", description: "How long ago it was resolved."),
    PrinterColumn(name: "Reason", type: .string, jsonPath: ".spec.reason", description: "Why.", priority: 1),
    PrinterColumn(
      name: "Resolution", type: .string, jsonPath: ".spec.resolution", description: "What was done about it.",
      priority: 1),
  ]
}
