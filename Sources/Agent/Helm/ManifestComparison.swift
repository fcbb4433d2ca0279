import Cryptography
import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import WireFormats

/// Finds where a live object is not what the manifest says, and what the object would be if it were. Only fields that the
/// manifest sets count: the API server, its admission and controllers add others.
struct ManifestComparison: Sendable {
  /// One place where the two differ in writing; whether they differ in meaning only the API server knows.
  struct Difference: Sendable, Hashable {
    /// In the manifest.
    var path: [String]
    /// In the live object.
    var place: LivePlace
    /// Nil for what the manifest does not have, but which is part of what it says.
    var expected: JSONValue?
    var actual: JSONValue?
    /// False where the two may well mean the same: a default, or nothing.
    var isCertain: Bool
  }

  private let object: ManifestObject
  private let fields: ManifestFields
  private let ignored: [JSONPointer]
  /// Where not nil, only the differences there are found and put right.
  private let only: Set<[String]>?
  /// In the order of the fields' names.
  private(set) var differences: [Difference] = []
  /// The live object with what the manifest says.
  private(set) var wanted: JSONValue = .null

  init(
    _ object: ManifestObject, _ live: JSONValue, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule],
    only: Set<[String]>? = nil
  ) {
    self.object = object
    self.fields = ManifestFields(object)
    self.ignored = object.keptPaths(rules, live)
    self.only = only
    wanted = merge(object.desired, live, at: [], LivePlace()) ?? live
  }

  /// The differences that hold whatever the server's defaults are.
  /// - Parameter rules: what may differ.
  /// - Returns: in the order of the fields' names; one `missing` for an object that is not there.
  static func differences(
    of object: ManifestObject, from live: JSONValue?, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule]
  ) -> [HelmObservation.Difference] {
    if live == nil, object.vanishesWhenDone { return [] }
    guard let live else { return [HelmObservation.Difference(object: object.title, change: .missing)] }
    return ManifestComparison(object, live, ignoring: rules).differences.filter(\.isCertain).map(object.described)
  }

  /// - Returns: what the live object should have at this place; nil for nothing.
  private mutating func merge(
    _ expected: JSONValue, _ actual: JSONValue?, at path: [String], _ place: LivePlace
  ) -> JSONValue? {
    let actual = actual == .null ? nil : actual
    if fields.isIdentity(path) || isIgnored(path) || expected.isNull { return actual }
    if expected.isZero, fields.isAllotted(path) { return actual }
    if expected == [:], fields.isOpen(map: path) { return actual }
    switch (expected, actual) {
    case (.object(let members), .object(let others)?): return merge(members, others, at: path, place)
    case (.array(let elements), .array(let others)?): return merge(elements, others, at: path, place)
    case (_, let actual?) where ManifestFields.isSame(expected, actual, at: path): return actual
    default: return differ(expected, actual, at: path, place)
    }
  }

  private mutating func merge(
    _ expected: [String: JSONValue], _ actual: [String: JSONValue], at path: [String], _ place: LivePlace
  ) -> JSONValue? {
    if expected.isEmpty, !fields.isAtomic(map: path) {
      if actual.isEmpty { return .object(actual) }
      // Of an object it is not known what the server fills in.
      return differ([:], .object(actual), at: path, place, isCertain: false)
    }
    var merged = actual
    let extra =
      fields.isAtomic(map: path)
      ? actual.keys.filter { expected[$0] == nil } : fields.alternatives(to: expected, in: actual, at: path)
    for name in Set(expected.keys).union(extra).sorted() {
      let (below, there) = (path + [name], place.appending(.member(name)))
      if let value = expected[name] {
        merged[name] = merge(value, actual[name], at: below, there)
      } else if let value = actual[name], !value.isNull, !isIgnored(below) {
        merged[name] = differ(nil, value, at: below, there)
      }
    }
    return .object(merged)
  }

  private mutating func merge(
    _ expected: [JSONValue], _ actual: [JSONValue], at path: [String], _ place: LivePlace
  ) -> JSONValue? {
    if expected == actual { return .array(actual) }
    if expected.isEmpty || expected.allSatisfy(\.isNull) {
      return differ(.array(expected), .array(actual), at: path, place, isCertain: fields.keys(of: [], at: path) == nil)
    }
    if let keys = fields.keys(of: expected, at: path) { return merge(expected, actual, by: keys, at: path, place) }
    return mergeByPlaces(expected, actual, at: path, place)
  }

  /// Elements that others added stay.
  private mutating func merge(
    _ expected: [JSONValue], _ actual: [JSONValue], by keys: [String], at path: [String], _ place: LivePlace
  ) -> JSONValue? {
    let all = expected.map { ListKeys.values(of: $0, keys) }
    let isAnyMissing = expected.indices.contains { index in
      let below = path + [String(index)]
      return isSought(below) && !isIgnored(below) && !actual.contains { ListKeys.matches($0, all[index]) }
    }
    // A port that was given another number is one that is missing and one more, which has its name.
    var merged =
      isAnyMissing && path.last == "ports"
      ? actual.filter { other in all.contains { ListKeys.matches(other, $0) } } : actual
    var positions: [Int] = []
    for (index, element) in expected.enumerated() {
      let named = all[index]
      let (below, there) = (path + [String(index)], place.appending(.element(named)))
      if isIgnored(below) { continue }
      if let position = merged.firstIndex(where: { ListKeys.matches($0, named) }) {
        merged[position] = merge(element, merged[position], at: below, there) ?? merged[position]
        positions.append(position)
      } else if let added = differ(element, nil, at: below, there) {
        let position = positions.last.map { $0 + 1 } ?? 0
        merged.insert(added, at: position)
        positions = positions.map { $0 >= position ? $0 + 1 : $0 } + [position]
      }
    }
    guard fields.isOrdered(list: path), positions != positions.sorted(), isSought(path) else { return .array(merged) }
    let inOrder = positions.map { merged[$0] } + merged.indices.filter { !positions.contains($0) }.map { merged[$0] }
    return differ(.array(inOrder), .array(merged), at: path, place)
  }

  /// A list that is one thing: where an element of it differs all of it is put in its place.
  private mutating func mergeByPlaces(
    _ expected: [JSONValue], _ actual: [JSONValue], at path: [String], _ place: LivePlace
  ) -> JSONValue? {
    let kept = ignored.filter { $0.tokens.starts(with: path) && $0.tokens.count > path.count }
    let whole = kept.reduce(JSONValue.array(expected)) {
      $0.adopting($1.tokens.dropFirst(path.count), from: .array(actual), fields, at: path)
    }
    guard expected.count == actual.count else { return differ(whole, .array(actual), at: path, place) }
    let before = differences.count
    for (index, element) in expected.enumerated() {
      let found = differences.count
      _ = merge(element, actual[index], at: path + [String(index)], place.appending(.index(index)))
      // What is uncertain within is settled for the list as a whole.
      differences = differences.prefix(found) + differences.dropFirst(found).filter(\.isCertain)
    }
    if differences.count > before { return whole.withoutNulls }
    if whole.withoutNulls == .array(actual) || !fields.ownsWholeLists { return .array(actual) }
    return differ(whole, .array(actual), at: path, place, isCertain: false)
  }

  private func isIgnored(_ path: [String]) -> Bool { ignored.contains { path.starts(with: $0.tokens) } }

  private func isSought(_ path: [String]) -> Bool { only.map { $0.contains { path.starts(with: $0) } } ?? true }

  /// - Returns: what is wanted; what is there where this difference is not sought.
  private mutating func differ(
    _ expected: JSONValue?, _ actual: JSONValue?, at path: [String], _ place: LivePlace, isCertain: Bool? = nil
  ) -> JSONValue? {
    guard isSought(path) else { return actual }
    let expected = expected?.withoutNulls
    let isDefault = expected.map { $0.isZero && (actual == nil || $0 == "") } ?? false
    differences.append(
      Difference(path: path, place: place, expected: expected, actual: actual, isCertain: isCertain ?? !isDefault))
    return expected
  }
}

extension ManifestObject {
  /// What is compared and, where it differs, applied: a Secret's plain texts are kept encoded.
  var desired: JSONValue {
    guard kind == "Secret", let texts = json["stringData"]?.object else { return json }
    var desired = json
    var data = json["data"]?.object ?? [:]
    for (key, value) in texts { data[key] = .string(Base64.encode(Array((value.string ?? "").utf8))) }
    desired["data"] = .object(data)
    desired["stringData"] = nil
    return desired
  }

  func ignoredPaths(_ rules: [DesiredDeploymentSpec.DriftIgnoreRule]) -> [JSONPointer] {
    rules.filter { $0.kind == kind && ($0.name ?? name) == name }.flatMap { $0.paths.compactMap { JSONPointer($0) } }
  }

  /// What may differ: also the size of a claim that grew, which cannot shrink.
  fileprivate func keptPaths(
    _ rules: [DesiredDeploymentSpec.DriftIgnoreRule], _ live: JSONValue?
  ) -> [JSONPointer] {
    ignoredPaths(rules) + (grownSize(live) == nil ? [] : [JSONPointer(tokens: Self.storageRequest)])
  }

  /// What is wanted, with the fields that others may change, and those that the cluster allots, as they are: an apply that
  /// left them out would take them away.
  func desired(ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule], live: JSONValue?) -> JSONValue {
    let fields = ManifestFields(self)
    let kept = keptPaths(rules, live).reduce(desired) { $0.adopting($1.tokens[...], from: live, fields, at: []) }
    return kept.allotted(from: live, fields, at: []) ?? kept
  }

  /// A difference in words, without what may be secret.
  func described(_ difference: ManifestComparison.Difference) -> HelmObservation.Difference {
    let isHidden = hidesValue(at: difference.path)
    func text(_ value: JSONValue?, hidden: String) -> String {
      switch value {
      case nil, .null?: "nothing"
      case .object(let members)? where members.isEmpty: "{}"
      case .array(let elements)? where elements.isEmpty: "[]"
      case _? where isHidden: hidden
      case .object?, .array?: hidden
      case .string("")?: "\"\""
      case let value?: Self.shortened(value.string ?? value.text)
      }
    }
    return HelmObservation.Difference(
      object: title,
      change: .field(
        pointer: JSONPointer(tokens: difference.path).description,
        expected: text(difference.expected, hidden: "what the release says"),
        actual: text(difference.actual, hidden: "another value")))
  }

  private static func shortened(_ text: String) -> String { text.count > 80 ? text.prefix(79) + "…" : text }

  /// Settings live in Secrets, ConfigMaps (spec §4.1) and environment variables, and may stand in commands.
  private func hidesValue(at path: [String]) -> Bool {
    if kind == "Secret" || kind == "ConfigMap" { return path.first != "metadata" }
    return path.contains { ["env", "args", "command", "annotations"].contains($0) }
  }
}

extension JSONValue {
  /// This value with what another has at a place. Elements of a list that are told apart by their values are looked for by
  /// these.
  fileprivate func adopting(
    _ tokens: ArraySlice<String>, from other: JSONValue?, _ fields: ManifestFields, at path: [String]
  ) -> JSONValue {
    guard let first = tokens.first else { return self }
    let rest = tokens.dropFirst()
    switch self {
    case .object(var members):
      if rest.isEmpty {
        members[first] = other?[first]
      } else {
        guard let member = members[first] else { return self }
        members[first] = member.adopting(rest, from: other?[first], fields, at: path + [first])
      }
      return .object(members)
    case .array(var elements):
      guard let index = Int(first), elements.indices.contains(index) else { return self }
      let counterpart = Self.counterpart(of: index, in: elements, among: other?.array ?? [], fields, at: path)
      // Taking an element away would move those after it.
      elements[index] =
        rest.isEmpty
        ? counterpart ?? elements[index]
        : elements[index].adopting(rest, from: counterpart, fields, at: path + [first])
      return .array(elements)
    default: return self
    }
  }

  /// This value with what another has wherever this leaves empty what the cluster allots; nil for nothing.
  fileprivate func allotted(from other: JSONValue?, _ fields: ManifestFields, at path: [String]) -> JSONValue? {
    if isZero, fields.isAllotted(path) { return other == .null ? nil : other }
    switch self {
    case .object(var members):
      for (name, value) in members { members[name] = value.allotted(from: other?[name], fields, at: path + [name]) }
      return .object(members)
    case .array(var elements):
      let others = other?.array ?? []
      for (index, element) in elements.enumerated() {
        let counterpart = Self.counterpart(of: index, in: elements, among: others, fields, at: path)
        elements[index] = element.allotted(from: counterpart, fields, at: path + [String(index)]) ?? element
      }
      return .array(elements)
    default: return self
    }
  }

  /// The element of a live list that is the same thing as one of the manifest's.
  private static func counterpart(
    of index: Int, in elements: [JSONValue], among actual: [JSONValue], _ fields: ManifestFields, at path: [String]
  ) -> JSONValue? {
    guard let keys = fields.keys(of: elements, at: path) else {
      return actual.indices.contains(index) ? actual[index] : nil
    }
    let named = ListKeys.values(of: elements[index], keys)
    return actual.first { ListKeys.matches($0, named) }
  }
}
