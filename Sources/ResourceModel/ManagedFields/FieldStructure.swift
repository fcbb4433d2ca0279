import WireFormats

/// What may be set by itself in a value, and what only as a whole: the rules by which managers share objects.
///
/// They are those of Kubernetes for kinds of a CustomResourceDefinition: the fields of an object each by itself, a list as a
/// whole unless its elements are told apart by a key or are a set.
enum FieldStructure {
  /// Set as a whole: a scalar, a list without keys, an object whose fields belong together.
  case whole
  /// An object or map: each field by itself.
  case fields
  /// A list: each element by itself.
  case elements(ElementIdentity, of: Schema)

  /// What tells the elements of a list apart.
  enum ElementIdentity {
    case key(String)
    case value
  }
}

extension Schema {
  /// - Parameter values: the value where it is known, before and after a change: where anything may lie, what lies there
  ///   decides.
  func structure(of values: JSONValue?...) -> FieldStructure {
    switch self {
    case .string, .integer, .number, .boolean: return .whole
    case .object, .map: return documentation.isAtomic ? .whole : .fields
    case .any:
      let isObject = values.allSatisfy { $0 == nil || $0?.object != nil }
      return isObject ? .fields : .whole
    case .array(let element, _, let documentation):
      let identity: FieldStructure.ElementIdentity
      if let key = documentation.listKey {
        identity = .key(key)
      } else if documentation.isSet {
        identity = .value
      } else {
        return .whole
      }
      let isReadable = values.allSatisfy { identity.elements(of: $0) != nil }
      return isReadable ? .elements(identity, of: element) : .whole
    }
  }

  /// The schema of a field; nil where an object has no such field.
  func member(_ name: String) -> Schema? {
    switch self {
    case .object(let properties, _, _): properties[name]
    case .map(let element, _, _): element
    case .any: self
    case .string, .integer, .number, .boolean, .array: nil
    }
  }

  /// The schema of what lies at an element of this value; nil where it has none.
  func element(_ element: FieldPathElement) -> Schema? {
    if let name = element.fieldName { return member(name) }
    if case .array(let schema, _, _) = self { return schema }
    return nil
  }

  /// True for an object with the fields of its schema, false for a map, whose keys are content.
  var hasNamedFields: Bool {
    if case .object = self { true } else { false }
  }
}

extension FieldStructure.ElementIdentity {
  /// The elements of a list by what tells them apart, in order; nil where some lack it, or two have the same.
  func elements(of list: JSONValue?) -> [(place: FieldPathElement, value: JSONValue)]? {
    guard let list, !list.isNull else { return [] }
    guard let values = list.array else { return nil }
    var seen: Set<FieldPathElement> = []
    var elements: [(place: FieldPathElement, value: JSONValue)] = []
    elements.reserveCapacity(values.count)
    for value in values {
      guard let place = place(of: value), seen.insert(place).inserted else { return nil }
      elements.append((place, value))
    }
    return elements
  }

  /// Nil for an element that lacks its key.
  func place(of element: JSONValue) -> FieldPathElement? {
    switch self {
    case .value: .value(element)
    case .key(let key): element[key].map { .keys([key: $0]) }
    }
  }
}
