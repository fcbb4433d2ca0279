import WireFormats

/// Objects as they are compared and shown to people.
enum LiveObject {
  /// The object without `metadata.managedFields`, which say more than people want to read.
  static func withoutManagers(_ object: JSONValue) -> JSONValue {
    guard object["metadata"]?["managedFields"] != nil else { return object }
    var object = object
    object["metadata"]?["managedFields"] = nil
    return object
  }

  /// The object without what servers and agents write, and without the copy of the manifest.
  static func comparable(_ object: JSONValue) -> JSONValue {
    var object = object
    object["status"] = nil
    guard var metadata = object["metadata"] else { return object }
    for field in ["uid", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "resourceVersion"] {
      metadata[field] = nil
    }
    if var annotations = metadata["annotations"] {
      annotations[ThreeWayPatch.lastAppliedAnnotation] = nil
      // Of nothing left, nothing is shown: nil would be a JSON null here.
      metadata["annotations"] = annotations == .object([:]) ? JSONValue?.none : annotations
    }
    object["metadata"] = metadata
    return object
  }
}
