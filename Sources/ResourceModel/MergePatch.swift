public import WireFormats

extension JSONValue {
  /// The value after a JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces.
  public func mergePatched(with patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var members = object ?? [:]
    for (key, change) in changes {
      if change.isNull {
        members.removeValue(forKey: key)
      } else {
        members[key] = (members[key] ?? .null).mergePatched(with: change)
      }
    }
    return .object(members)
  }

  /// The smallest merge patch that turns this value into `target`; an empty object where they are equal. An object
  /// member that is null in `target` cannot be said in a merge patch and comes out removed.
  public func mergePatch(to target: JSONValue) -> JSONValue {
    guard case .object(let old) = self, case .object(let new) = target else { return target }
    var changes: [String: JSONValue] = [:]
    for key in old.keys where new[key] == nil { changes[key] = .null }
    for (key, value) in new {
      guard let previous = old[key] else {
        changes[key] = value
        continue
      }
      if previous != value { changes[key] = previous.mergePatch(to: value) }
    }
    return .object(changes)
  }
}
