/// A set of paths into an object, as `managedFields` keep it: the fields that one manager set.
///
/// It is a tree. Each place says whether it belongs to the set itself, and what below it does. A map that was set as a
/// whole and two of its entries:
///
///     f:labels  ● ── f:tier  ●
///                 └─ f:zone  ●
///
/// A whole set starts at the object, which is no member of it.
public struct FieldSet: Sendable, Hashable {
  public private(set) var isMember: Bool
  /// None of them is empty.
  public private(set) var children: [FieldPathElement: FieldSet]

  /// - Parameter children: those that are empty are left out.
  public init(isMember: Bool = false, children: [FieldPathElement: FieldSet] = [:]) {
    self.isMember = isMember
    self.children = children.contains { $0.value.isEmpty } ? children.filter { !$0.value.isEmpty } : children
  }

  /// The set of one place alone.
  public static let member = FieldSet(isMember: true)

  public var isEmpty: Bool { !isMember && children.isEmpty }

  /// What of the set lies at and below a place; empty where nothing does.
  public subscript(element: FieldPathElement) -> FieldSet {
    get { children[element] ?? FieldSet() }
    set { children[element] = newValue.isEmpty ? nil : newValue }
  }

  public func contains(_ path: some Sequence<FieldPathElement>) -> Bool {
    var place = self
    for element in path { place = place[element] }
    return place.isMember
  }

  /// The same set with or without this place itself.
  func with(isMember: Bool) -> FieldSet {
    var set = self
    set.isMember = isMember
    return set
  }
}

extension FieldSet {
  public func union(_ other: FieldSet) -> FieldSet {
    if isEmpty { return other }
    if other.isEmpty { return self }
    return FieldSet(
      isMember: isMember || other.isMember, children: children.merging(other.children) { $0.union($1) })
  }

  public func intersection(_ other: FieldSet) -> FieldSet {
    var result = FieldSet(isMember: isMember && other.isMember)
    let (few, many) = children.count <= other.children.count ? (self, other) : (other, self)
    for (element, child) in few.children {
      if let counterpart = many.children[element] { result[element] = child.intersection(counterpart) }
    }
    return result
  }

  /// Place by place: what lies below a place stays where only the place itself is taken away.
  public func subtracting(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return self }
    var result = self
    result.isMember = isMember && !other.isMember
    for (element, taken) in other.children {
      if let child = children[element] { result[element] = child.subtracting(taken) }
    }
    return result
  }
}

extension FieldSet {
  /// How many paths belong to it.
  public var count: Int { children.values.reduce(isMember ? 1 : 0) { $0 + $1.count } }

  /// The paths as conflicts name them, in order: `.spec.version`, `.status.conditions[type="Ready"].reason`.
  /// - Parameter limit: at most so many.
  public func paths(limit: Int = .max) -> [String] {
    var paths: [String] = []
    collect(at: "", limit, &paths)
    return paths
  }

  private func collect(at path: String, _ limit: Int, _ paths: inout [String]) {
    if isMember, paths.count < limit { paths.append(path) }
    for (element, child) in children.sorted(by: { $0.key < $1.key }) where paths.count < limit {
      child.collect(at: path + element.description, limit, &paths)
    }
  }
}
