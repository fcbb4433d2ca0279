public import WireFormats

/// What client-side `apply` leaves in an object, an annotation with what it applied, and how the same client goes over to
/// server-side apply.
public enum ClientSideApply {
  /// The same for `kubectl` and `wrktalkctl`, so that both can be used on one object.
  public static let annotation = "kubectl.kubernetes.io/last-applied-configuration"

  /// The names under which clients apply that also apply on their side: for them alone the annotation counts.
  static let managers: Set<String> = ["kubectl", "wrktalkctl"]

  static func text(of object: JSONValue) -> String? {
    guard let text = object["metadata"]?["annotations"]?[annotation]?.string, !text.isEmpty else { return nil }
    return text
  }

  /// The fields that client-side apply set and nobody changed since: they are the same client's, under whatever name it
  /// wrote them, and so no conflict.
  static func unchangedFields(of live: JSONValue, _ apiVersion: String, _ schema: Schema) -> FieldSet {
    guard let text = text(of: live), let applied = try? JSONValue(parsing: text),
      applied["apiVersion"]?.string == apiVersion
    else { return FieldSet() }
    let changes = FieldChanges(from: applied, to: live, schema)
    return schema.fields(of: applied).subtracting(changes.written).subtracting(changes.removed)
  }

  /// The object with the annotation brought up to date, where it has one: `kubectl apply` without `--server-side` goes on
  /// from there.
  static func updated(in object: JSONValue, to configuration: JSONValue) -> JSONValue {
    guard text(of: object) != nil else { return object }
    var plain = configuration
    if var annotations = plain["metadata"]?["annotations"]?.object {
      annotations[annotation] = nil
      plain["metadata"]?["annotations"] = .object(annotations)
    }
    var object = object
    object["metadata"]?["annotations"]?[annotation] = .string(plain.text + "\n")
    return object
  }
}

extension ClientSideApply {
  private static let annotationPath: [FieldPathElement] = [
    .field("metadata"), .field("annotations"), .field(annotation),
  ]

  /// The JSON patch that makes `manager` apply what client-side apply set: who owns the annotation, without having applied
  /// on the server, is that client under another name. It holds for exactly the version that was read.
  /// - Returns: nil where there is nothing to hand over, or `live` has managed fields that are not understood.
  public static func handOver(of live: JSONValue, to manager: String) -> [JSONValue]? {
    let metadata = live["metadata"]
    guard let apiVersion = live["apiVersion"]?.string, let version = metadata?["resourceVersion"],
      var managed = try? ManagedFields(metadata?["managedFields"], apiVersion: apiVersion)
    else { return nil }
    let clients = managed.entries.filter { manager, entry in
      manager.operation == .update && manager.subresource.isEmpty && entry.fields.contains(annotationPath)
    }
    guard !clients.isEmpty else { return nil }
    let applier = FieldManager(manager, .apply)
    for (client, entry) in clients {
      managed.entries[client] = nil
      managed.entries[applier] = ManagedFields.Entry(
        managed[applier].union(entry.fields), managed.entries[applier]?.time ?? entry.time)
    }
    return [
      ["op": "replace", "path": "/metadata/managedFields", "value": managed.json ?? []],
      ["op": "replace", "path": "/metadata/resourceVersion", "value": version],
    ]
  }

  /// A configuration of the annotation alone, for a manager of its own that keeps it when its fields are handed over.
  /// - Returns: nil where there is no annotation, or somebody applies it already.
  public static func annotationAlone(of live: JSONValue) -> JSONValue? {
    guard let text = text(of: live), let apiVersion = live["apiVersion"],
      let managed = try? ManagedFields(live["metadata"]?["managedFields"], apiVersion: apiVersion.string ?? ""),
      !managed.entries.contains(where: { $0.key.operation == .apply && $0.value.fields.contains(annotationPath) })
    else { return nil }
    var metadata = (live["metadata"]?.object ?? [:]).filter { ["name", "namespace"].contains($0.key) }
    metadata["annotations"] = .object([annotation: .string(text)])
    return ["apiVersion": apiVersion, "kind": live["kind"] ?? .null, "metadata": .object(metadata)]
  }
}
