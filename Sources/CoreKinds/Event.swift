public import ResourceModel
public import WireFormats

/// A core `v1` Event: what happened to an object, for `kubectl describe`. It has no spec and status.
public struct Event: Sendable, Hashable, Codable {
  /// `Normal` or `Warning`; other programs write what they like.
  public struct Level: RawRepresentable, Sendable, Hashable, Codable {
    public static let normal = Level(rawValue: "Normal")
    public static let warning = Level(rawValue: "Warning")

    public var rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
  }

  public struct Reference: Sendable, Hashable, Codable {
    public var apiVersion: String?
    public var kind: String?
    public var namespace: String?
    public var name: String?
    public var uid: String?
    public var resourceVersion: String?

    public init(
      apiVersion: String? = nil, kind: String? = nil, namespace: String? = nil, name: String? = nil, uid: String? = nil,
      resourceVersion: String? = nil
    ) {
      self.apiVersion = apiVersion
      self.kind = kind
      self.namespace = namespace
      self.name = name
      self.uid = uid
      self.resourceVersion = resourceVersion
    }
  }

  public struct Source: Sendable, Hashable, Codable {
    public var component: String?
    public var host: String?

    public init(component: String? = nil, host: String? = nil) {
      self.component = component
      self.host = host
    }
  }

  public var apiVersion: String
  public var kind: String
  public var metadata: ObjectMeta
  public var involvedObject: Reference
  /// One word in CamelCase, for programs.
  public var reason: String?
  public var message: String?
  public var source: Source?
  public var firstTimestamp: Timestamp?
  public var lastTimestamp: Timestamp?
  /// How often it happened between the two timestamps.
  public var count: Int?
  public var type: Level?
  public var reportingComponent: String?
  public var reportingInstance: String?

  public init(
    metadata: ObjectMeta, involvedObject: Reference, reason: String, message: String, source: Source? = nil,
    firstTimestamp: Timestamp, lastTimestamp: Timestamp, count: Int = 1, type: Level = .normal,
    reportingComponent: String? = nil, reportingInstance: String? = nil
  ) {
    self.apiVersion = Self.names.apiVersion
    self.kind = Self.names.kind
    self.metadata = metadata
    self.involvedObject = involvedObject
    self.reason = reason
    self.message = message
    self.source = source
    self.firstTimestamp = firstTimestamp
    self.lastTimestamp = lastTimestamp
    self.count = count
    self.type = type
    self.reportingComponent = reportingComponent
    self.reportingInstance = reportingInstance
  }

  public static let names = ResourceNames(
    group: "", version: "v1", kind: "Event", plural: "events", singular: "event", shortNames: ["ev"])
}

extension Event {
  public static let definition = ResourceDefinition(
    names: names, table: "event", schema: schema, hasStatus: false, isCreatedByUpdate: true, tracksManagers: false,
    printerColumns: printerColumns, hasNameColumn: false,
    selectableFields: [
      "involvedObject.apiVersion", "involvedObject.kind", "involvedObject.name", "involvedObject.namespace",
      "involvedObject.uid", "reason", "reportingComponent", "source.component", "type",
    ],
    // A message of 8,192 characters that take four bytes each fits.
    limits: ResourceLimits(objectBytes: 40 << 10, perNamespace: 5_000, total: 20_000),
    computedCell: { _, event in
      let object = event["involvedObject"]
      return .string("\(object?["kind"]?.string?.lowercased() ?? "")/\(object?["name"]?.string ?? "")")
    },
    validate: { event, _ in
      guard let namespace = event["involvedObject"]?["namespace"]?.string,
        namespace != event["metadata"]?["namespace"]?.string
      else { return [] }
      return [.invalid("involvedObject.namespace", namespace, "does not match event.namespace")]
    })

  private static let printerColumns = [
    PrinterColumn(
      name: "Last Seen", type: .date, jsonPath: ".lastTimestamp", description: "How long ago it last happened."),
    PrinterColumn(name: "Type", type: .string, jsonPath: ".type", description: "Normal or Warning."),
    PrinterColumn(name: "Reason", type: .string, jsonPath: ".reason", description: "What happened, in one word."),
    PrinterColumn(name: "Object", type: .string, jsonPath: "", description: "The object: its kind and name."),
    PrinterColumn(name: "Message", type: .string, jsonPath: ".message", description: "What happened, in a sentence."),
    PrinterColumn(
      name: "Source", type: .string, jsonPath: ".source.component", description: "Who saw it.", priority: 1),
    PrinterColumn(
      name: "First Seen", type: .date, jsonPath: ".firstTimestamp", description: "How long ago it first happened.",
      priority: 1),
    PrinterColumn(
      name: "Count", type: .integer, jsonPath: ".count", description: "How often it happened.", priority: 1),
    PrinterColumn(
      name: "Name", type: .string, jsonPath: ".metadata.name", description: "The Event's name.", priority: 1),
  ]

  private static func reference(_ description: String) -> Schema {
    let fields = ["apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"]
    return .object(
      properties: Dictionary(
        uniqueKeysWithValues: fields.map { ($0, .string(Schema.Documentation("The object's \($0)."))) }),
      Schema.Documentation(description))
  }

  private static let schema = Schema.object(
    properties: [
      "involvedObject": reference("The object it is about."),
      "related": reference("A second object it is about."),
      "reason": .string(Schema.StringRules(maximumLength: 128), Schema.Documentation("What happened, in one word.")),
      "message": .string(
        Schema.StringRules(maximumLength: 8192), Schema.Documentation("What happened, in a sentence.")),
      "source": .object(
        properties: [
          "component": .string(Schema.Documentation("The program.")),
          "host": .string(Schema.Documentation("The machine.")),
        ], Schema.Documentation("Who saw it.")),
      "firstTimestamp": .time("When it first happened.", isNullable: true),
      "lastTimestamp": .time("When it last happened.", isNullable: true),
      "eventTime": .microTime("When it first happened, to the microsecond.", isNullable: true),
      "count": .integer(range: 0...Int64(Int32.max), Schema.Documentation("How often it happened.")),
      "type": .string(
        Schema.StringRules(maximumLength: 128), Schema.Documentation("Normal or Warning; any other word is kept.")),
      "action": .string(Schema.Documentation("What was done about it.")),
      "series": .object(
        properties: [
          "count": .integer(Schema.Documentation("How often it happened so far.")),
          "lastObservedTime": .microTime("When it last happened."),
        ], Schema.Documentation("The series of equal events it stands for.")),
      "reportingComponent": .string(Schema.Documentation("The program that reports it.")),
      "reportingInstance": .string(Schema.Documentation("Which one of several such programs.")),
    ], required: ["involvedObject"],
    Schema.Documentation("What happened to an object. Events are kept for a limited time."))
}
