public import WireFormats

/// A strategic merge patch of Kubernetes, as far as objects have it whose lists are all replaced as wholes but for two of
/// their metadata: `ownerReferences`, told apart by `uid`, and `finalizers`, a set.
///
/// A null removes, objects are merged. Of the directives there are `$patch` (`delete`, `replace`, `merge`) in objects and
/// owner references, and `$deleteFromPrimitiveList/finalizers`; an order that is asked for (`$setElementOrder/…`) is not
/// kept, since none of these lists has one.
public struct StrategicMergePatch: Sendable, Hashable {
  /// What of a patch is not understood.
  public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
  }

  private let patch: JSONValue

  /// - Throws: `Failure` where the patch is not an object, or holds a directive that is not supported.
  public init(_ patch: JSONValue) throws(Failure) {
    guard patch.object != nil else {
      throw Failure(description: "a strategic merge patch of an object must be an object, not \(patch.typeName)")
    }
    try Self.check(patch, at: "")
    self.patch = patch
  }

  public func applied(to object: JSONValue) -> JSONValue { Self.merged(object, with: patch, at: "") }

  private static let finalizers = "metadata.finalizers"
  private static let ownerReferences = "metadata.ownerReferences"
  private static let removal = "$deleteFromPrimitiveList/"
  private static let order = "$setElementOrder/"

  // MARK: Checking

  private static func check(_ patch: JSONValue, at path: String) throws(Failure) {
    switch patch {
    case .object(let members):
      for (key, value) in members {
        if key.hasPrefix("$") {
          try checkDirective(key, value, at: path)
        } else {
          try check(value, at: FieldPath.property(key, of: path))
        }
      }
    case .array(let elements):
      for element in elements { try check(element, at: path) }
    default: break
    }
  }

  private static func checkDirective(_ key: String, _ value: JSONValue, at path: String) throws(Failure) {
    switch key {
    case "$patch" where ["merge", "replace", "delete"].contains(value.string): return
    case _ where key.hasPrefix(order): return
    case _ where key.hasPrefix(removal) && value.array != nil:
      if FieldPath.property(String(key.dropFirst(removal.count)), of: path) == finalizers { return }
    default: break
    }
    throw Failure(
      description: "the strategic merge patch holds \"\(key.prefix(80))\" at \"\(path)\", which is not supported")
  }

  // MARK: Merging

  private static func merged(_ current: JSONValue, with patch: JSONValue, at path: String) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    switch changes["$patch"]?.string {
    case "delete": return .object([:])
    case "replace": return .object(changes.filter { !$0.key.hasPrefix("$") })
    default: break
    }
    var members = current.object ?? [:]
    for (key, change) in changes where !key.hasPrefix("$") {
      let field = FieldPath.property(key, of: path)
      switch (field, change, members[key]) {
      case (_, .null, _): members[key] = nil
      case (finalizers, .array(let added), .array(let present)?):
        members[key] = .array(present + added.filter { !present.contains($0) })
      case (ownerReferences, .array(let changed), let present):
        members[key] = .array(mergedReferences(present?.array ?? [], with: changed, at: field))
      case (_, _, let present): members[key] = merged(present ?? .null, with: change, at: field)
      }
    }
    for (key, removed) in changes where key.hasPrefix(removal) {
      let list = String(key.dropFirst(removal.count))
      members[list] = members[list]?.array.map { .array($0.filter { !(removed.array ?? []).contains($0) }) }
    }
    return .object(members)
  }

  private static func mergedReferences(
    _ present: [JSONValue], with changes: [JSONValue], at path: String
  ) -> [JSONValue] {
    let replacesAll = changes.contains { $0 == ["$patch": "replace"] }
    var references = replacesAll ? [] : present
    for change in changes where change != ["$patch": "replace"] {
      let index = references.firstIndex { $0["uid"] != nil && $0["uid"] == change["uid"] }
      switch (index, change["$patch"] == "delete") {
      case (let index?, true): references.remove(at: index)
      case (let index?, false): references[index] = merged(references[index], with: change, at: path)
      case (nil, true): break
      case (nil, false): references.append(merged(.null, with: change, at: path))
      }
    }
    return references
  }
}
