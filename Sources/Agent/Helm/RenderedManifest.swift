import Cryptography
import ReleaseManifest
import ResourceModel
import WireFormats
import YAMLDocuments

/// The objects that a release consists of.
struct RenderedManifest: Sendable {
  var objects: [ManifestObject]
  /// Every image that they name, also where an object has no name of its own.
  var images: [ImageUse]

  /// What the Agent reads of a release. Helm stores more where it compresses well, but to hold it would take the Agent many
  /// times as much memory.
  static let maximumByteCount = 16 << 20

  /// - Parameters:
  ///   - text: YAML documents, as Helm rendered them.
  ///   - namespace: the release's, for objects that name none.
  init(_ text: String, namespace: String) throws(YAMLError) {
    let values = try Self.documents(text)
    objects = values.compactMap { ManifestObject($0, namespace: namespace) }
    images = values.flatMap(ImageUse.all)
  }

  /// Every object in a text, also one without a name.
  static func documents(_ text: String) throws(YAMLError) -> [JSONValue] {
    try YAMLStream.parse(text, file: "manifest", keys: .lenient, limit: maximumByteCount).flatMap {
      flattened($0.value)
    }
  }

  /// A chart may hold lists of objects.
  private static func flattened(_ value: JSONValue) -> [JSONValue] {
    guard value["kind"]?.string?.hasSuffix("List") == true, let items = value["items"]?.array else { return [value] }
    return items.flatMap(flattened)
  }

  /// The values of the release's Secrets.
  var secretTexts: [String] {
    objects.filter { $0.kind == "Secret" }.flatMap { object in
      (object.desired["data"]?.object ?? [:]).values.compactMap { value in
        value.string.flatMap { Base64.decode($0) }.map { String(decoding: $0, as: UTF8.self) }
      }
    }
  }

  /// What runs containers.
  var workloads: [ManifestObject] { objects.filter { WorkloadKind($0) != nil } }
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

  /// A Job that the cluster itself removes some time after its end.
  var vanishesWhenDone: Bool {
    WorkloadKind(self) == .job && json["spec"]?["ttlSecondsAfterFinished"]?.integer != nil
  }

  /// What tells it from all other objects, whichever version of its kind it is written in.
  struct Identity: Sendable, Hashable {
    var group: String
    var kind: String
    var namespace: String
    var name: String
  }

  var identity: Identity {
    let group = apiVersion.split(separator: "/").dropLast().first.map(String.init) ?? ""
    return Identity(group: group, kind: kind, namespace: namespace, name: name)
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

  /// Nil for any other kind, also one of the same name in another group.
  init?(_ object: ManifestObject) {
    guard let kind = WorkloadKind(rawValue: object.kind),
      object.apiVersion.hasPrefix(kind == .job ? "batch/" : "apps/")
    else { return nil }
    self = kind
  }
}

extension ManifestObject {
  var isVolumeClaim: Bool { kind == "PersistentVolumeClaim" && apiVersion == "v1" }

  static let storageRequest = ["spec", "resources", "requests", "storage"]

  /// The size that a live claim has been given beyond what the manifest asks for; nil for one that has no more. Claims grow,
  /// but none ever becomes smaller, so this is nothing that could be put right.
  func grownSize(_ live: JSONValue?) -> String? {
    let place = JSONPointer(tokens: Self.storageRequest)
    guard isVolumeClaim, let asked = place.value(in: json).flatMap({ Quantity($0.string ?? $0.text) }),
      let size = live.flatMap({ place.value(in: $0) })?.string, let given = Quantity(size), asked < given
    else { return nil }
    return size
  }
}
