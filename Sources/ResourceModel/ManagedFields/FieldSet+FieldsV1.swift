public import WireFormats

/// What of a `fieldsV1` is not understood.
public struct FieldsV1Error: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  init(_ description: String) { self.description = description }

  init(element: String) {
    self.init("\"\(element.prefix(80))\" names no place in an object")
  }
}

/// The form in which sets are stored and sent: a place that belongs to the set and has nothing below it is `{}`, one that
/// has something below it holds `"."` beside that.
///
///     {"f:labels": {".": {}, "f:tier": {}, "f:zone": {}}}
extension FieldSet {
  /// How deep the paths of a set may be, and how many places there may be: as of objects themselves.
  private static let bounds = JSONBounds.object

  /// - Throws: where `json` is not an object of objects with the names of places, or exceeds what an object may be.
  public init(fieldsV1 json: JSONValue) throws(FieldsV1Error) {
    do {
      try json.nodeCount(within: Self.bounds)
    } catch {
      throw FieldsV1Error("fieldsV1 is too large: \(error)")
    }
    self = try Self.place(json).with(isMember: false)
  }

  private static func place(_ json: JSONValue) throws(FieldsV1Error) -> FieldSet {
    guard let members = json.object else {
      throw FieldsV1Error("fieldsV1 consists of objects, but holds \(json.typeName)")
    }
    var children: [FieldPathElement: FieldSet] = [:]
    children.reserveCapacity(members.count)
    for (name, value) in members where name != "." {
      guard let element = try FieldPathElement(fieldsV1: name) else { continue }
      let child = try place(value)
      children[element] = children[element]?.union(child) ?? child
    }
    return FieldSet(isMember: members.isEmpty || members["."] != nil, children: children)
  }

  public var fieldsV1: JSONValue {
    var members: [String: JSONValue] = [:]
    members.reserveCapacity(children.count + 1)
    if isMember, !children.isEmpty { members["."] = .object([:]) }
    for (element, child) in children { members[element.text] = child.fieldsV1 }
    return .object(members)
  }
}
