import WireFormats

/// What Kubernetes' own kinds mean by the fields of an object: which of them the cluster fills in, which belong together,
/// and to whom an addition belongs.
///
/// A path is that of a JSON pointer, with the elements of lists by their places.
struct ManifestFields {
  private let kind: String
  private let aggregatesRules: Bool
  /// Of a kind that others define, whose controllers may add to any list or map.
  private let isForeign: Bool

  init(_ object: ManifestObject) {
    kind = object.kind
    let group = object.apiVersion.contains("/") ? object.apiVersion.prefix { $0 != "/" } : ""
    isForeign = !Self.ownGroups.contains(String(group))
    aggregatesRules = object.json["aggregationRule"]?.object != nil
  }

  private static let ownGroups: Set<String> = [
    "", "apps", "batch", "autoscaling", "policy", "extensions", "networking.k8s.io", "rbac.authorization.k8s.io",
    "storage.k8s.io", "scheduling.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io",
    "apiregistration.k8s.io", "node.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io",
    "flowcontrol.apiserver.k8s.io", "certificates.k8s.io", "resource.k8s.io",
  ]

  // MARK: What is not the chart's

  /// What an object is, who it belongs to and what Helm itself writes into it.
  func isIdentity(_ path: [String]) -> Bool {
    switch path.count {
    case 1: ["apiVersion", "kind", "status"].contains(path[0])
    case 2:
      path[0] == "metadata"
        && ["namespace", "creationTimestamp", "resourceVersion", "uid", "generation", "selfLink", "managedFields"]
          .contains(path[1])
    case 3:
      path == ["metadata", "labels", "app.kubernetes.io/managed-by"]
        || path == ["metadata", "annotations", "meta.helm.sh/release-name"]
        || path == ["metadata", "annotations", "meta.helm.sh/release-namespace"]
    default: false
    }
  }

  /// What the cluster chooses or fills in wherever a manifest leaves it empty. To write the empty value again would make
  /// it choose anew.
  func isAllotted(_ path: [String]) -> Bool {
    guard let name = path.last else { return false }
    if path.count == 2, path[0] == "metadata" { return ["finalizers", "ownerReferences"].contains(name) }
    if name == "caBundle" { return true }
    switch kind {
    case "Service":
      return name == "nodePort"
        || ["clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamily", "ipFamilies", "ipFamilyPolicy"].contains(name)
    case "PersistentVolumeClaim": return path == ["spec", "volumeName"]
    case "PersistentVolume": return path == ["spec", "claimRef"]
    case "Pod": return path == ["spec", "nodeName"]
    case "Job": return path == ["spec", "selector"]
    case "Namespace": return path == ["spec", "finalizers"]
    case "ServiceAccount": return path == ["secrets"] || path == ["imagePullSecrets"]
    case "ClusterRole": return path == ["rules"] && aggregatesRules
    default: return false
    }
  }

  // MARK: What an addition is

  /// A map that is a condition as a whole: one entry more means something else.
  func isAtomic(map path: [String]) -> Bool {
    guard let name = path.last else { return false }
    if ["matchLabels", "nodeSelector", "podSelector", "namespaceSelector", "labelSelector"].contains(name) {
      return true
    }
    guard name == "selector" else { return false }
    return !isForeign && path.count == 2
  }

  /// A map of which each entry belongs to whoever wrote it, so that an empty one claims nothing.
  func isOpen(map path: [String]) -> Bool {
    guard let name = path.last else { return false }
    return isForeign || name == "labels" || name == "annotations"
      || (path.count == 1 && ["metadata", "spec", "data", "binaryData"].contains(name))
  }

  /// True where one element more, or a field more in one, in a list that is told apart by places is a change too.
  var ownsWholeLists: Bool { !isForeign }

  /// By what the elements of a list are told apart; nil where by their places.
  func keys(of elements: [JSONValue], at path: [String]) -> [String]? {
    isForeign ? ListKeys.usual(of: elements) : keys(path).flatMap { ListKeys.tellsApart(elements, $0) ? $0 : nil }
  }

  private func keys(_ path: [String]) -> [String]? {
    switch path.last {
    case "containers", "initContainers", "ephemeralContainers", "env", "volumes", "imagePullSecrets", "secrets",
      "webhooks":
      return ["name"]
    case "volumeMounts": return ["mountPath"]
    case "volumeDevices": return ["devicePath"]
    case "hostAliases": return ["ip"]
    case "topologySpreadConstraints": return ["topologyKey", "whenUnsatisfiable"]
    case "ports" where path == ["spec", "ports"] && kind == "Service": return ["port", "protocol"]
    case "ports" where path.count > 2 && path[path.count - 3].hasSuffix("ontainers"):
      return ["containerPort", "protocol"]
    default: return nil
    }
  }

  /// True where the elements are run one after the other.
  func isOrdered(list path: [String]) -> Bool { path.last == "initContainers" }

  // MARK: What excludes what

  /// The fields of a live object that cannot stand beside what the manifest sets there.
  func alternatives(to expected: [String: JSONValue], in live: [String: JSONValue], at path: [String]) -> [String] {
    guard !isForeign, path.first == "spec" else { return [] }
    var groups = Self.alternatives
    if path.count > 1, path[path.count - 2] == "volumes" {
      groups.append(Set(live.keys).union(expected.keys).subtracting(["name"]))
    }
    var others = groups.flatMap { group in
      group.contains { expected[$0].map { !$0.isNull } ?? false }
        ? group.filter { expected[$0] == nil && live[$0] != nil } : []
    }
    if ["strategy", "updateStrategy"].contains(path.last) {
      if let type = expected["type"]?.string, !["", "RollingUpdate"].contains(type), expected["rollingUpdate"] == nil {
        others += live["rollingUpdate"] == nil ? [] : ["rollingUpdate"]
      } else if expected["type"] == nil, expected["rollingUpdate"]?.object != nil, live["type"] == "Recreate" {
        others.append("type")
      }
    }
    return others.sorted()
  }

  private static let alternatives: [Set<String>] = [
    ["httpGet", "exec", "tcpSocket", "grpc"], ["value", "valueFrom"],
    ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"], ["minAvailable", "maxUnavailable"],
  ]

  // MARK: Notations

  /// Amounts are written in many ways, and only where amounts stand may these be taken for the same.
  static func isSame(_ expected: JSONValue, _ actual: JSONValue, at path: [String]) -> Bool {
    if expected == actual { return true }
    guard path.contains(where: amounts.contains), let left = expected.amount, let right = actual.amount else {
      return false
    }
    return left == right
  }

  private static let amounts: Set<String> = [
    "limits", "requests", "capacity", "hard", "sizeLimit", "averageValue", "divisor", "overhead", "default",
    "defaultRequest", "max", "min", "maxLimitRequestRatio",
  ]
}

extension JSONValue {
  /// What an API server may leave out: for many fields, though not for all, it means the same as nothing.
  var isZero: Bool {
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

  /// Without the members that are null, which say that the field is not set.
  var withoutNulls: JSONValue {
    switch self {
    case .object(let members): .object(members.filter { !$0.value.isNull }.mapValues(\.withoutNulls))
    case .array(let elements): .array(elements.map(\.withoutNulls))
    default: self
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
}
