import ComposeBundles
import DeploymentKinds
import WireFormats

/// What of a rendered object decides which code runs, and what of its node that gets: commands, mounts, volumes, rights. Not
/// the images, which are judged by their digests, nor how much of it runs and where.
struct ExecutedParts: Sendable, Hashable {
  /// `Deployment web`
  var title: String
  /// By place: `spec.template.spec.containers[0].command`.
  private var parts: [String: JSONValue] = [:]

  private static let containerLists = ["containers", "initContainers", "ephemeralContainers"]
  private static let podFields = [
    "automountServiceAccountToken", "hostIPC", "hostNetwork", "hostPID", "hostUsers", "runtimeClassName",
    "securityContext",
    "serviceAccount", "serviceAccountName", "shareProcessNamespace", "volumes",
  ]
  private static let containerFields = [
    "args", "command", "lifecycle", "securityContext", "volumeDevices", "volumeMounts", "workingDir",
  ]
  private static let probes = ["livenessProbe", "readinessProbe", "startupProbe"]
  /// In these a text is only a name of something in the namespace, or a size.
  private static let nameFields: Set<String> = [
    "claimName", "name", "secretName", "serviceAccount", "serviceAccountName", "sizeLimit", "storage",
    "storageClassName",
  ]

  /// - Parameter mark: what texts that came from unsigned values end with; it is left out of names.
  init(_ object: JSONValue, without mark: String) {
    let kind = object["kind"]?.string ?? ""
    title = "\(kind) \(object["metadata"]?["name"]?.string ?? "")".replacing(mark, with: "")
    parts["apiVersion"] = object["apiVersion"] ?? .null
    parts["kind"] = .string(kind)
    if kind == "ConfigMap" || kind == "Secret" {
      for field in ["data", "stringData", "binaryData"] {
        for (key, value) in object[field]?.object ?? [:] where Self.isVariable(key) { parts["\(field).\(key)"] = value }
      }
    }
    // Who may do what.
    if let rules = object["rules"], kind.hasSuffix("Role") { parts["rules"] = rules }
    collect(object, at: "", mark)
  }

  /// Wherever in an object a pod is described.
  private mutating func collect(_ value: JSONValue, at path: String, _ mark: String) {
    switch value {
    case .array(let elements):
      for (index, element) in elements.enumerated() { collect(element, at: "\(path)[\(index)]", mark) }
    case .object(let members):
      func place(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }
      let lists = Self.containerLists.filter { members[$0]?.array != nil }
      if !lists.isEmpty {
        for field in Self.podFields { parts[place(field)] = members[field].map { Self.named($0, field, mark) } }
      }
      for list in lists {
        for (index, container) in (members[list]?.array ?? []).enumerated() {
          collect(container: container, at: "\(place(list))[\(index)]", mark)
        }
      }
      for (key, member) in members where !lists.contains(key) { collect(member, at: place(key), mark) }
    case .null, .bool, .integer, .number, .string: break
    }
  }

  private mutating func collect(container: JSONValue, at path: String, _ mark: String) {
    parts[path] = container["name"].map { Self.named($0, "name", mark) } ?? .null
    for field in Self.containerFields {
      parts["\(path).\(field)"] = container[field].map { Self.named($0, field, mark) }
    }
    for probe in Self.probes { parts["\(path).\(probe).exec"] = container[probe]?["exec"] }
    for variable in container["env"]?.array ?? [] {
      guard let name = variable["name"]?.string, Self.isVariable(name) else { continue }
      parts["\(path).env.\(name)"] = variable
    }
  }

  /// By which a program loads code, or an Agent is told whom to believe.
  private static func isVariable(_ name: String) -> Bool {
    (LoaderVariable.loadsCode(name) && (name == name.uppercased() || name.hasPrefix("npm_config_")))
      || MachineVariables.contains(name)
  }

  /// The value without the mark where it only names something.
  private static func named(_ value: JSONValue, _ field: String, _ mark: String) -> JSONValue {
    switch value {
    case .string(let text): nameFields.contains(field) ? .string(text.replacing(mark, with: "")) : value
    case .array(let elements): .array(elements.map { named($0, field, mark) })
    case .object(let members):
      .object(Dictionary(uniqueKeysWithValues: members.map { ($0, named($1, $0, mark)) }))
    case .null, .bool, .integer, .number: value
    }
  }

  /// Where a release has something else to execute than the same release with other texts; nil where it has not.
  static func difference(_ rendered: [JSONValue], _ marked: [JSONValue], mark: String) -> String? {
    let ours = rendered.map { ExecutedParts($0, without: mark) }
    var others: [ExecutedParts: Int] = [:]
    for part in marked.map({ ExecutedParts($0, without: mark) }) { others[part, default: 0] += 1 }
    for part in ours {
      if let count = others[part], count > 0 {
        others[part] = count - 1
        continue
      }
      guard let other = others.first(where: { $0.value > 0 && $0.key.title == part.title })?.key else {
        return part.title
      }
      let places = Set(part.parts.keys).union(other.parts.keys).filter { part.parts[$0] != other.parts[$0] }
      return "\(places.min() ?? "") of \(part.title)"
    }
    return others.filter { $0.value > 0 }.map(\.key.title).min()
  }
}
