import Cryptography
import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import WireFormats

/// Finds where a live object is not what the manifest says. Only fields that the manifest sets count: the API server, its
/// admission and controllers add others.
struct ManifestComparison {
  private let object: ManifestObject
  private var ignored: [JSONPointer]
  private var differences: [HelmObservation.Difference] = []

  /// - Parameter rules: what may differ.
  /// - Returns: in the order of the fields' names; one `missing` for an object that is not there.
  static func differences(
    of object: ManifestObject, from live: JSONValue?, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule]
  ) -> [HelmObservation.Difference] {
    if live == nil, object.vanishesWhenDone { return [] }
    guard let live else { return [HelmObservation.Difference(object: object.title, change: .missing)] }
    var comparison = ManifestComparison(object, ignoring: rules)
    if object.grownSize(live) != nil { comparison.ignored.append(JSONPointer(tokens: ManifestObject.storageRequest)) }
    comparison.compare(object.desired, live, at: [])
    return comparison.differences
  }

  private init(_ object: ManifestObject, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule]) {
    self.object = object
    self.ignored = object.ignoredPaths(rules)
  }

  private mutating func compare(_ expected: JSONValue, _ actual: JSONValue?, at path: [String]) {
    if path.count == 1, ["apiVersion", "kind", "status"].contains(path[0]) { return }
    if path == ["metadata", "namespace"] || path == ["metadata", "creationTimestamp"] { return }
    if ignored.contains(where: { path.starts(with: $0.tokens) }) { return }
    switch (expected, actual) {
    case (.null, _): return
    case (.object(let members), .object(let others)?):
      for (name, value) in members.sorted(by: { $0.key < $1.key }) { compare(value, others[name], at: path + [name]) }
    case (.array(let elements), .array(let others)?): compare(elements, others, at: path)
    case (_, nil) where expected.isZero: return
    case (_, .null?) where expected.isZero: return
    default:
      if let actual, isSame(expected, actual, at: path) { return }
      report(expected, actual, at: path)
    }
  }

  private mutating func compare(_ expected: [JSONValue], _ actual: [JSONValue], at path: [String]) {
    if Self.mergeKeys(of: expected) == nil, expected.count != actual.count {
      return report(.array(expected), .array(actual), at: path)
    }
    for (index, element) in expected.enumerated() {
      let place = path + [String(index)]
      if ignored.contains(where: { place.starts(with: $0.tokens) }) { continue }
      if let other = Self.counterpart(of: index, in: expected, among: actual) {
        compare(element, other, at: place)
      } else {
        report(element, nil, at: place)
      }
    }
  }

  /// The element of a live list that is the same thing as one of the manifest's.
  static func counterpart(
    of index: Int, in elements: [JSONValue], among actual: [JSONValue]
  ) -> JSONValue? {
    guard let keys = mergeKeys(of: elements) else { return actual.indices.contains(index) ? actual[index] : nil }
    let element = elements[index]
    return actual.first { other in keys.allSatisfy { other[$0] == element[$0] || element[$0] == nil } }
  }

  /// By what the elements of a list are told apart; nil where by their place.
  static func mergeKeys(of elements: [JSONValue]) -> [String]? {
    let candidates = [
      ["name"], ["mountPath"], ["devicePath"], ["containerPort", "protocol"], ["port", "protocol"], ["ip"],
    ]
    return candidates.first { keys in
      guard let first = keys.first, elements.allSatisfy({ $0[first] != nil }) else { return false }
      let names = elements.map { element in keys.map { element[$0] } }
      return Set(names).count == elements.count
    }
  }

  /// Amounts are written in many ways, and only where amounts stand may these be taken for the same.
  private func isSame(_ expected: JSONValue, _ actual: JSONValue, at path: [String]) -> Bool {
    if expected == actual { return true }
    guard path.contains(where: Self.amountFields.contains), let left = expected.amount, let right = actual.amount else {
      return false
    }
    return left == right
  }

  private static let amountFields: Set<String> = [
    "limits", "requests", "capacity", "hard", "sizeLimit", "averageValue", "divisor", "overhead", "default",
    "defaultRequest", "max", "min", "maxLimitRequestRatio",
  ]

  private mutating func report(_ expected: JSONValue, _ actual: JSONValue?, at path: [String]) {
    let isHidden = object.hidesValue(at: path)
    func text(_ value: JSONValue?, hidden: String) -> String {
      switch value {
      case nil, .null?: "nothing"
      case _? where isHidden: hidden
      case .object?, .array?: hidden
      case let value?: Self.shortened(value.string ?? value.text)
      }
    }
    differences.append(
      HelmObservation.Difference(
        object: object.title,
        change: .field(
          pointer: JSONPointer(tokens: path).description, expected: text(expected, hidden: "what the release says"),
          actual: text(actual, hidden: "another value"))))
  }

  private static func shortened(_ text: String) -> String { text.count > 80 ? text.prefix(79) + "…" : text }
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

  /// What is wanted, with the fields that others may change as they are: an apply that left them out would take them away.
  func desired(ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule], live: JSONValue?) -> JSONValue {
    let grown = grownSize(live) == nil ? [] : [JSONPointer(tokens: Self.storageRequest)]
    return (ignoredPaths(rules) + grown).reduce(desired) { $0.adopting($1.tokens[...], from: live) }
  }

  /// Settings live in Secrets, ConfigMaps (spec §4.1) and environment variables, and may stand in commands.
  fileprivate func hidesValue(at path: [String]) -> Bool {
    if kind == "Secret" || kind == "ConfigMap" { return path.first != "metadata" }
    return path.contains { ["env", "args", "command", "annotations"].contains($0) }
  }
}

extension JSONValue {
  /// What an API server leaves out.
  fileprivate var isZero: Bool {
    switch self {
    case .null: true
    case .bool(let value): !value
    case .integer(let value): value == 0
    case .number(let value): value == 0
    case .string(let value): value.isEmpty
    case .array(let elements): elements.isEmpty
    case .object(let members): members.values.allSatisfy(\.isZero)
    }
  }

  var amount: Quantity? {
    switch self {
    case .string(let text): Quantity(text)
    case .integer(let value): Quantity(String(value))
    case .number(let value): Quantity("\(value)")
    default: nil
    }
  }

  /// The value with what `other` has at a path; without the field where that is nil or has none. Elements of lists are
  /// matched by what tells them apart, not by their places.
  func adopting(_ path: ArraySlice<String>, from other: JSONValue?) -> JSONValue {
    guard let first = path.first else { return self }
    let rest = path.dropFirst()
    switch self {
    case .object(var members):
      if rest.isEmpty {
        members[first] = other?[first]
      } else {
        guard let member = members[first] else { return self }
        members[first] = member.adopting(rest, from: other?[first])
      }
      return .object(members)
    case .array(var elements):
      guard let index = Int(first), elements.indices.contains(index) else { return self }
      let counterpart = ManifestComparison.counterpart(of: index, in: elements, among: other?.array ?? [])
      // Taking an element away would move those after it.
      elements[index] =
        rest.isEmpty ? counterpart ?? elements[index] : elements[index].adopting(rest, from: counterpart)
      return .array(elements)
    default: return self
    }
  }
}
