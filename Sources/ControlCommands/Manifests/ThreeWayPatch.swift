import ResourceModel
import WireFormats

/// The merge patch that `apply` sends: it takes over what the manifest says, removes what an earlier manifest said and
/// this one does not, and leaves alone what others wrote (kubectl's three-way JSON merge).
enum ThreeWayPatch {
  /// The annotation that keeps the last manifest; the same as kubectl's, so that both tools can be used on one object.
  static let lastAppliedAnnotation = ClientSideApply.annotation

  /// - Parameters:
  ///   - lastApplied: what was applied before; nil where nothing was.
  ///   - manifest: what is applied now.
  ///   - live: the object on the server.
  /// - Returns: an empty object where nothing is to be changed.
  static func patch(lastApplied: JSONValue?, manifest: JSONValue, live: JSONValue) -> JSONValue {
    guard case .object(let wanted) = manifest, case .object(let present) = live else { return manifest }
    var patch: [String: JSONValue] = [:]
    for (key, value) in wanted {
      guard let current = present[key] else {
        if !value.isNull { patch[key] = withoutNulls(value) }
        continue
      }
      if case .object = value, case .object = current {
        let inner = self.patch(lastApplied: lastApplied?[key], manifest: value, live: current)
        if inner != .object([:]) { patch[key] = inner }
      } else if value != current {
        patch[key] = value
      }
    }
    for key in (lastApplied?.object ?? [:]).keys where wanted[key] == nil && present[key] != nil { patch[key] = .null }
    return .object(patch)
  }

  /// A null in a patch removes; where there is nothing to remove it would only be noise.
  private static func withoutNulls(_ value: JSONValue) -> JSONValue {
    guard case .object(let members) = value else { return value }
    return .object(members.filter { !$0.value.isNull }.mapValues(withoutNulls))
  }

  /// What the object's annotation says was applied before.
  static func lastApplied(of live: JSONValue) -> JSONValue? {
    guard let text = live["metadata"]?["annotations"]?[lastAppliedAnnotation]?.string else { return nil }
    return try? JSONValue(parsing: text)
  }

  /// The manifest as it is applied: without what only servers write, and with itself in the annotation.
  static func annotated(_ manifest: JSONValue) -> JSONValue {
    var plain = manifest
    plain["status"] = nil
    var metadata = plain["metadata"] ?? .object([:])
    for field in ["uid", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "resourceVersion"] {
      metadata[field] = nil
    }
    var annotations = metadata["annotations"] ?? .object([:])
    annotations[lastAppliedAnnotation] = nil
    metadata["annotations"] = annotations
    plain["metadata"] = metadata
    annotations[lastAppliedAnnotation] = .string(plain.text + "\n")
    metadata["annotations"] = annotations
    // A version in the manifest says: only over this one.
    metadata["resourceVersion"] = manifest["metadata"]?["resourceVersion"]
    plain["metadata"] = metadata
    return plain
  }
}
