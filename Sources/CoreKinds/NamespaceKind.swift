public import ResourceModel
import WireFormats

/// A core `v1` Namespace: a space of names. One is there as soon as an object is in it, or somebody creates it.
public enum NamespaceKind {
  public static let names = ResourceNames(
    group: "", version: "v1", kind: "Namespace", plural: "namespaces", singular: "namespace", shortNames: ["ns"])

  public static let definition = ResourceDefinition(
    names: names, table: "namespace", schema: schema, isNamespaced: false, hasStatus: false,
    printerColumns: [
      PrinterColumn(
        name: "Status", type: .string, jsonPath: ".status.phase", description: "Whether it is in use."),
      PrinterColumn(
        name: "Age", type: .date, jsonPath: ".metadata.creationTimestamp",
        description: "How long the object has existed."),
    ],
    validate: { namespace, _ in
      let name = namespace["metadata"]?["name"]?.string ?? ""
      return NameRules.labelProblems(name).map { .invalid("metadata.name", name, $0) }
    })

  private static let schema = Schema.object(
    properties: [
      "spec": .object(
        properties: [
          "finalizers": .array(
            of: .string(), Schema.Documentation("Accepted for compatibility; metadata.finalizers is what counts."))
        ], Schema.Documentation("What is wanted of the namespace.")),
      "status": .object(
        properties: [
          "phase": .string(
            Schema.StringRules(enumeration: ["Active", "Terminating"]),
            Schema.Documentation("Whether it is in use.", default: "Active"))
        ], Schema.Documentation("What is known of the namespace.", default: .object([:]))),
    ], Schema.Documentation("A space within which names are unique."))
}
