import WireFormats
import YAMLDocuments

/// The objects that a release consists of.
struct ReleaseManifest: Sendable {
  var objects: [ManifestObject]

  /// - Parameters:
  ///   - text: YAML documents, as Helm rendered them.
  ///   - namespace: the release's, for objects that name none.
  init(_ text: String, namespace: String) throws(YAMLError) {
    objects = try YAMLStream.parse(text, file: "manifest").flatMap { document in
      Self.flattened(document.value).compactMap { ManifestObject($0, namespace: namespace) }
    }
  }

  /// A chart may hold lists of objects.
  private static func flattened(_ value: JSONValue) -> [JSONValue] {
    guard value["kind"]?.string?.hasSuffix("List") == true, let items = value["items"]?.array else { return [value] }
    return items.flatMap(flattened)
  }

  /// What runs containers.
  var workloads: [ManifestObject] { objects.filter { WorkloadKind(rawValue: $0.kind) != nil } }
}

/// One object as the manifest has it.
struct ManifestObject: Sendable, Hashable {
  var apiVersion: String
  var kind: String
  /// Where it is if its kind is namespaced.
  var namespace: String
  var name: String
  var json: JSONValue

  /// Nil for a value that is no object.
  init?(_ json: JSONValue, namespace: String) {
    guard let apiVersion = json["apiVersion"]?.string, let kind = json["kind"]?.string,
      let name = json["metadata"]?["name"]?.string
    else { return nil }
    self.apiVersion = apiVersion
    self.kind = kind
    self.name = name
    self.namespace = json["metadata"]?["namespace"]?.string ?? namespace
    self.json = json
  }

  /// `Deployment backend`
  var title: String { "\(kind) \(name)" }
}

/// The kinds whose health is that of the containers they run.
enum WorkloadKind: String, Sendable, CaseIterable {
  case deployment = "Deployment"
  case statefulSet = "StatefulSet"
  case daemonSet = "DaemonSet"
  case job = "Job"
}
