public import WireFormats

/// A strategic merge patch of Kubernetes: lists whose elements the schema tells apart, by a key or as a set, are merged
/// element by element; everything else is a JSON merge patch.
///
/// A null removes, objects are merged. Of the directives there are `$patch` (`delete`, `replace`, `merge`) in objects and in
/// elements, `$deleteFromPrimitiveList/NAME` beside a set, and `$setElementOrder/NAME` beside a merged list.
public struct StrategicMergePatch: Sendable, Hashable {
  /// What of a patch is not understood.
  public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
  }

  private let patch: JSONValue
  private let schema: Schema

  /// - Parameter schema: of the whole object.
  /// - Throws: `Failure` where the patch is not an object, holds a directive that is not supported, or an element without
  ///   its key.
  public init(_ patch: JSONValue, schema: Schema) throws(Failure) {
    guard patch.object != nil else {
      throw Failure(description: "a strategic merge patch of an object must be an object, not \(patch.typeName)")
    }
    try Self.check(patch, schema, at: "")
    self.patch = patch
    self.schema = schema
  }

  public func applied(to object: JSONValue) -> JSONValue { Self.merged(object, with: patch, schema) }

  private static let removal = "$deleteFromPrimitiveList/"
  private static let order = "$setElementOrder/"
  private static let directive = "$patch"

  // MARK: Checking

  private static func check(_ patch: JSONValue, _ schema: Schema?, at path: String) throws(Failure) {
    switch patch {
    case .object(let members):
      for (key, value) in members {
        if key.hasPrefix("$") {
          try checkDirective(key, value, schema, at: path)
        } else {
          try check(value, schema?.member(key), at: FieldPath.property(key, of: path))
        }
      }
    case .array(let elements):
      let (list, element) = schema?.mergedList ?? (nil, nil)
      for (index, value) in elements.enumerated() {
        let place = FieldPath.index(index, of: path)
        if case .key(let key)? = list, value[key] == nil, value != [directive: "replace"] {
          throw Failure(description: "the strategic merge patch lacks the key \"\(key)\" at \"\(place)\"")
        }
        try check(value, element, at: place)
      }
    default: break
    }
  }

  private static func checkDirective(
    _ key: String, _ value: JSONValue, _ schema: Schema?, at path: String
  ) throws(Failure) {
    switch key {
    case directive where ["merge", "replace", "delete"].contains(value.string): return
    case _ where key.hasPrefix(order) && value.array != nil: return
    case _ where key.hasPrefix(removal) && value.array != nil:
      if case .value? = schema?.member(String(key.dropFirst(removal.count)))?.mergedList?.identity { return }
    default: break
    }
    throw Failure(
      description: "the strategic merge patch holds \"\(key.prefix(80))\" at \"\(path)\", which is not supported")
  }

  // MARK: Merging

  private static func merged(_ current: JSONValue, with patch: JSONValue, _ schema: Schema?) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    switch changes[directive]?.string {
    case "delete": return .object([:])
    case "replace": return .object(changes.filter { !$0.key.hasPrefix("$") })
    default: break
    }
    var members = current.object ?? [:]
    for (key, change) in changes where !key.hasPrefix("$") {
      let field = schema?.member(key)
      switch (change, field?.mergedList) {
      case (.null, _): members[key] = nil
      case (.array(let elements), let list?):
        members[key] = .array(merged(members[key], with: elements, list.identity, list.element))
      default: members[key] = merged(members[key] ?? .null, with: change, field)
      }
    }
    for (key, value) in changes where key.hasPrefix(removal) {
      remove(value.array ?? [], from: &members[String(key.dropFirst(removal.count))])
    }
    for (key, value) in changes where key.hasPrefix(order) {
      let list = String(key.dropFirst(order.count))
      if let identity = schema?.member(list)?.mergedList?.identity {
        sort(&members[list], by: value, identity)
      }
    }
    return .object(members)
  }

  private static func merged(
    _ current: JSONValue?, with changes: [JSONValue], _ identity: FieldStructure.ElementIdentity, _ schema: Schema
  ) -> [JSONValue] {
    let replacesAll = changes.contains([directive: "replace"])
    var elements: [JSONValue?] = replacesAll ? [] : current?.array ?? []
    var places: [FieldPathElement: Int] = [:]
    for (index, element) in elements.enumerated() {
      if let place = element.flatMap(identity.place(of:)), places[place] == nil { places[place] = index }
    }
    for change in changes where change != [directive: "replace"] {
      guard let place = identity.place(of: change) else { continue }
      switch (places[place], change[directive] == "delete") {
      case (let index?, true):
        elements[index] = nil
        places[place] = nil
      case (let index?, false): elements[index] = merged(elements[index] ?? .null, with: change, schema)
      case (nil, true): break
      case (nil, false):
        places[place] = elements.count
        elements.append(merged(.null, with: change, schema))
      }
    }
    return elements.compactMap(\.self)
  }

  private static func remove(_ removed: [JSONValue], from list: inout JSONValue?) {
    guard let elements = list?.array else { return }
    let removed = Set(removed)
    list = .array(elements.filter { !removed.contains($0) })
  }

  /// Brings the elements that `order` names into its order; others stay where they are among them.
  private static func sort(_ list: inout JSONValue?, by order: JSONValue, _ identity: FieldStructure.ElementIdentity) {
    guard let elements = identity.elements(of: list), let named = identity.elements(of: order) else { return }
    let values = Dictionary(uniqueKeysWithValues: elements.map { ($0.place, $0.value) })
    let wanted = named.map(\.place).filter { values[$0] != nil }
    list = .array(mergedOrder(elements.map(\.place), with: wanted).compactMap { values[$0] })
  }
}

extension Schema {
  /// What tells the elements of this list apart, where it is one that is merged.
  fileprivate var mergedList: (identity: FieldStructure.ElementIdentity, element: Schema)? {
    guard case .elements(let identity, let element) = structure(of: nil) else { return nil }
    return (identity, element)
  }
}
