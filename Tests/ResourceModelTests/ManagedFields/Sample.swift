import WireFormats

@testable import ResourceModel

/// A kind with every way in which fields are owned.
enum Sample {
  static let definition = ResourceDefinition(
    names: ResourceNames(group: "example.com", version: "v1", kind: "Sample", plural: "samples", singular: "sample"),
    table: "sample",
    schema: .object(properties: [
      "spec": .object(properties: [
        "version": .string(),
        "suspend": .boolean(),
        "interval": .string(Schema.StringRules(), Schema.Documentation(default: "1m")),
        "artifact": .object(properties: ["path": .string(), "digest": .string()]),
        "tags": .map(of: .string()),
        "services": .map(of: .object(properties: ["image": .string(), "count": .integer()])),
        "paths": .array(of: .string()),
        "zones": .array(of: .string(), Schema.Documentation(isSet: true)),
        "settings": .array(
          of: .object(properties: ["key": .string(), "value": .string()], required: ["key"]),
          Schema.Documentation(listKey: "key")),
        "schedule": .object(
          properties: ["from": .string(), "to": .string()], Schema.Documentation(isAtomic: true)),
        "extra": .any(),
      ]),
      "status": .object(properties: [
        "phase": .string(),
        "conditions": .array(
          of: .object(properties: ["type": .string(), "status": .string()], required: ["type"]),
          Schema.Documentation(listKey: "type")),
      ]),
    ]))

  static let schema = definition.ownedSchema(isStatus: false)
  static let now = Timestamp(seconds: 1_800_000_000)
  static let later = Timestamp(seconds: 1_800_000_060)

  /// With an annotation for `text`, so that an object whose metadata nobody owns can be told from one whose are owned.
  static func object(_ spec: JSONValue?, labels: JSONValue? = nil, status: JSONValue? = nil) -> JSONValue {
    var object: JSONValue = ["apiVersion": "example.com/v1", "kind": "Sample", "metadata": ["name": "one"]]
    object["spec"] = spec
    object["status"] = status
    if let labels { object["metadata"]?["labels"] = labels }
    return object
  }

  /// `["kubectl Apply": [".spec.version"]]`; of a subresource, `"agent Update status"`.
  static func managers(of object: JSONValue) throws -> [String: [String]] {
    let managed = try ManagedFields(object["metadata"]?["managedFields"], apiVersion: "example.com/v1")
    return managed.entries.reduce(into: [:]) { result, entry in
      let words = [entry.key.name, entry.key.operation.rawValue, entry.key.subresource].filter { !$0.isEmpty }
      result[words.joined(separator: " ")] = entry.value.fields.paths()
    }
  }
}

/// A little cluster of one object, to tell stories of several managers with.
struct SampleObject {
  var object: JSONValue?
  var now = Sample.now

  init(_ object: JSONValue? = nil) { self.object = object }

  var spec: JSONValue { object?["spec"] ?? .null }

  var managers: [String: [String]] { get throws { try Sample.managers(of: object ?? [:]) } }

  mutating func apply(
    _ spec: JSONValue?, labels: JSONValue? = nil, by manager: String = "kubectl", force: Bool = false
  ) throws {
    object = try FieldOwnership(Sample.definition).applied(
      Sample.object(spec, labels: labels), to: object, by: manager, at: now, isForced: force)
  }

  /// Creates the object, or changes it, by anything but apply.
  mutating func write(by manager: String, _ change: (inout JSONValue) -> Void) {
    var wanted = object ?? Sample.object([:])
    change(&wanted)
    let ownership = FieldOwnership(Sample.definition)
    let managedFields =
      object.map { ownership.updated(from: $0, to: wanted, requested: nil, by: manager, at: now) }
      ?? ownership.created(wanted, by: manager, at: now)
    wanted["metadata"]?["managedFields"] = managedFields
    object = wanted
  }

  /// The conflicts of an apply, as causes name them.
  func conflicts(
    applying spec: JSONValue, labels: JSONValue? = nil, by manager: String = "kubectl"
  ) -> [String] {
    var copy = self
    do {
      try copy.apply(spec, labels: labels, by: manager)
      return []
    } catch let error as StatusError {
      return error.causes.map { "\($0.field): \($0.message)" }
    } catch {
      return ["\(error)"]
    }
  }
}
