public import ResourceModel
import WireFormats

/// The kind `Organization` (`org`) of `deploy.wrktalk.com/v1`.
public enum OrganizationKind: ResourceKind {
  public typealias Spec = OrganizationSpec
  public typealias Status = OrganizationStatus

  public static let names = FleetKind.names("Organization", "org")

  /// A target is named for its organization and release, and has to be a name, too.
  public static let maximumNameByteCount = 180
  /// Every page of a search shows them, and each change of one is sent to whoever watches.
  public static let maximumLabelCount = 64

  public static let definition = ResourceDefinition(
    names: names, table: "organizational_service", schema: schema, isNamespaced: false, printerColumns: printerColumns,
    selectableFields: ["spec.deploymentType", "status.currentVersion", "status.health"],
    limits: ResourceLimits(objectBytes: 64 << 10, total: 500_000),
    validate: { nameErrors($0) + labelErrors($0, old: $1) })

  private static func nameErrors(_ object: JSONValue) -> [FieldError] {
    guard let name = object["metadata"]?["name"]?.string, name.utf8.count > maximumNameByteCount else { return [] }
    return [.tooLong("metadata.name", maximumBytes: maximumNameByteCount)]
  }

  /// What has more from an earlier time may be given fewer, and change otherwise.
  private static func labelErrors(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    func count(_ object: JSONValue?) -> Int { object?["metadata"]?["labels"]?.object?.count ?? 0 }
    guard count(object) > max(maximumLabelCount, count(old)) else { return [] }
    return [.tooMany("metadata.labels", count: count(object), maximum: maximumLabelCount)]
  }

  private static let schema = Schema.object(
    properties: ["spec": specSchema, "status": statusSchema], required: ["spec"],
    Schema.Documentation(
      "A customer: how it is reached, until when it is licensed, what it runs and when it was last seen."))

  private static let specSchema = Schema.object(
    properties: [
      "deploymentType": .string(
        .oneOf(DeploymentType.self),
        Schema.Documentation(
          "What runs the product there: Kubernetes, with the Helm chart, or Docker, with the Compose bundle.",
          default: .string(DeploymentType.kubernetes.rawValue))),
      "servicePath": .text("The path of the customer's service.", atMost: 1024),
      "webhookEndpoint": .string(
        .webAddress,
        Schema.Documentation(
          "Where new releases are announced to the customer. Left out, the customer learns of them when it polls.")),
      "contacts": .object(
        properties: [
          "spocName": .text("The name of the single point of contact."),
          "spocEmail": .text("The mail address of the single point of contact.", atMost: 320),
          "spocPhone": .text("The telephone number of the single point of contact.", atMost: 64),
          "accountManager": .text("Who looks after the customer at the vendor's.", atMost: 320),
        ], Schema.Documentation("Whom to ask.")),
      "license": .object(
        properties: [
          "expiresAt": .time("When the licence ends: from then on no release is offered. Left out, it never does.")
        ], Schema.Documentation("What the customer is licensed for. Left out, the licence never expires.")),
    ], Schema.Documentation("How the customer is reached and served.", default: .object([:])))

  private static let statusSchema = Schema.object(
    properties: [
      "currentVersion": .text("The version that the customer last reported to run."),
      "appVersion": .text("The version that the customer's record had before versions were reported."),
      "health": .string(
        .oneOf(OrganizationHealth.self),
        Schema.Documentation(
          """
          How long ago it was last seen: Online less than 10 minutes, Degraded less than an hour, Offline less than a \
          day, Critical longer. Left out for a customer that was never seen.
          """)),
      "isOnline": .boolean(Schema.Documentation("Whether health is Online.")),
      "reportedStatus": .string(Schema.Documentation("How the customer says that it fares, such as healthy.")),
      "lastSeen": .time("The later of lastHeartbeat and lastWebhookAck, by the server's clock."),
      "lastHeartbeat": .time("When the last heartbeat came, by the server's clock."),
      "lastWebhookAck": .time("When the last webhook was acknowledged, by the server's clock."),
      "agentLastPoll": .time("When the customer's Agent last asked for work, as the customer reported."),
      "conditions": .conditions,
    ], Schema.Documentation("What was last heard of the customer. Written by the server only."))

  private static let printerColumns = [
    PrinterColumn(
      name: "Health", type: .string, jsonPath: ".status.health", description: "How long ago it was last seen."),
    PrinterColumn(
      name: "Version", type: .string, jsonPath: ".status.currentVersion", description: "What it last reported to run."),
    PrinterColumn(
      name: "Type", type: .string, jsonPath: ".spec.deploymentType", description: "Kubernetes or Docker."),
    PrinterColumn(
      name: "Last Seen", type: .date, jsonPath: ".status.lastSeen", description: "How long ago it was last heard of."),
    .age,
    PrinterColumn(
      name: "License Until", type: .string, jsonPath: ".spec.license.expiresAt",
      description: "When the licence ends; empty where it never does.", priority: 1),
    PrinterColumn(
      name: "Webhook", type: .string, jsonPath: ".spec.webhookEndpoint", description: "Where releases are announced.",
      priority: 1),
    PrinterColumn(
      name: "Account Manager", type: .string, jsonPath: ".spec.contacts.accountManager",
      description: "Who looks after it.", priority: 1),
  ]
}
