import WireFormats

extension Schema {
  /// The object with what a configuration says: objects are merged, lists whose elements are told apart element by element,
  /// everything else is replaced. What the schema does not have stays as it is in `live`, and is left out of
  /// `configuration`.
  func merged(_ live: JSONValue?, with configuration: JSONValue) -> JSONValue {
    switch structure(of: live, configuration) {
    case .whole: return configuration
    case .fields:
      guard let added = configuration.object, !added.isEmpty else {
        // Nothing is said about the fields that are there.
        return live?.object?.isEmpty == false ? live ?? configuration : configuration
      }
      var members = live?.object ?? [:]
      for (name, value) in added {
        if let schema = member(name) { members[name] = schema.merged(members[name], with: value) }
      }
      return .object(members)
    case .elements(let identity, let element):
      let present = identity.elements(of: live) ?? []
      let added = identity.elements(of: configuration) ?? []
      if added.isEmpty { return present.isEmpty ? configuration : live ?? configuration }
      let values = Dictionary(uniqueKeysWithValues: present.map { ($0.place, $0.value) })
      let wanted = Dictionary(uniqueKeysWithValues: added.map { ($0.place, $0.value) })
      let order = mergedOrder(present.map(\.place), with: added.map(\.place))
      return .array(
        order.map { place in
          wanted[place].map { element.merged(values[place], with: $0) } ?? values[place] ?? .null
        })
    }
  }

  /// The object without these places. A container from which everything is taken stays, empty.
  func removing(_ places: FieldSet, from value: JSONValue) -> JSONValue {
    if places.isEmpty { return value }
    switch structure(of: value) {
    case .whole: return value
    case .fields:
      guard var members = value.object else { return value }
      for (place, child) in places.children {
        guard let name = place.fieldName, let member = members[name] else { continue }
        if child.isMember {
          members[name] = nil
        } else if let schema = self.member(name) {
          members[name] = schema.removing(child, from: member)
        }
      }
      return .object(members)
    case .elements(let identity, let element):
      guard let elements = identity.elements(of: value), !elements.isEmpty else { return value }
      return .array(
        elements.filter { !places[$0.place].isMember }.map { place, value in
          element.removing(places[place], from: value)
        })
    }
  }
}

/// The order of a list into which another is merged: elements of both have the order of `added`; those of `present` alone
/// stay where they are among them.
///
///     [a, x, b] with [b, a, n]  →  [x, b, a, n]
func mergedOrder<Element: Hashable>(_ present: [Element], with added: [Element]) -> [Element] {
  let (isPresent, isAdded) = (Set(present), Set(added))
  var shared = added.indices.filter { isPresent.contains(added[$0]) }[...]
  var result: [Element] = []
  result.reserveCapacity(present.count + added.count)
  var next = 0
  for element in present {
    guard isAdded.contains(element) else {
      result.append(element)
      continue
    }
    // Where another one that both have comes first, this one's turn is later.
    guard let index = shared.first, added[index] == element else { continue }
    shared.removeFirst()
    result += added[next...index]
    next = index + 1
  }
  return result + added[next...]
}
