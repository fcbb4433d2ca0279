public import WireFormats

/// What differs between two states of an object, place by place.
public struct FieldChanges: Sendable, Hashable {
  /// What is there afterwards and was not, or was another.
  public private(set) var written = FieldSet()
  /// What was there and is not any more.
  public private(set) var removed = FieldSet()

  public var isEmpty: Bool { written.isEmpty && removed.isEmpty }

  /// - Parameters:
  ///   - schema: of both objects; fields that it does not have are passed over.
  ///   - old: nil for an object that is new.
  public init(from old: JSONValue?, to new: JSONValue, _ schema: Schema) {
    // Nobody owns the metadata as a whole: they are there from the beginning.
    compare(old ?? ["metadata": [:]], new, schema)
    written = written.with(isMember: false)
    removed = removed.with(isMember: false)
  }

  private init() {}

  private init(_ old: JSONValue?, _ new: JSONValue?, _ schema: Schema) { compare(old, new, schema) }

  private mutating func compare(_ old: JSONValue?, _ new: JSONValue?, _ schema: Schema) {
    if old == new { return }
    switch schema.structure(of: old, new) {
    case .whole: changeWhole(old, new)
    case .fields:
      // Empty, null and absent are told apart only here, where nothing lies below.
      guard let before = Self.fields(of: old), let after = Self.fields(of: new), !before.isEmpty || !after.isEmpty
      else { return changeWhole(old, new) }
      for (name, value) in before { compare(value, after[name], .field(name), schema.member(name)) }
      for (name, value) in after where before[name] == nil { compare(nil, value, .field(name), schema.member(name)) }
      changeContainer(old, new)
    case .elements(let identity, let element):
      let (before, after) = (identity.elements(of: old) ?? [], identity.elements(of: new) ?? [])
      if before.isEmpty, after.isEmpty { return changeWhole(old, new) }
      let values = Dictionary(uniqueKeysWithValues: after.map { ($0.place, $0.value) })
      let places = Set(before.map(\.place))
      for (place, value) in before { compare(value, values[place], place, element) }
      for (place, value) in after where !places.contains(place) { compare(nil, value, place, element) }
      changeContainer(old, new)
    }
  }

  private mutating func compare(
    _ old: JSONValue?, _ new: JSONValue?, _ place: FieldPathElement, _ schema: Schema?
  ) {
    guard let schema else { return }
    let changes = FieldChanges(old, new, schema)
    if !changes.written.isEmpty { written[place] = changes.written }
    if !changes.removed.isEmpty { removed[place] = changes.removed }
  }

  /// Nil for what is neither an object nor nothing.
  private static func fields(of value: JSONValue?) -> [String: JSONValue]? {
    guard let value, !value.isNull else { return [:] }
    return value.object
  }

  private mutating func changeWhole(_ old: JSONValue?, _ new: JSONValue?) {
    if new == nil { removed = .member } else { written = .member }
  }

  /// A container is written with the first of its content, and removed with the last.
  private mutating func changeContainer(_ old: JSONValue?, _ new: JSONValue?) {
    if old == nil { written = written.with(isMember: true) }
    if new == nil { removed = removed.with(isMember: true) }
  }
}
