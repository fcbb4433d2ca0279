import ResourceModel
import WireFormats

/// Reads the Namespace that `kubectl create namespace` posts as protobuf, whatever the server says it takes.
enum NamespaceProtobuf {
  static let mediaType = "application/vnd.kubernetes.protobuf"

  /// - Throws: `badRequest` where the bytes are not such an object.
  static func object(_ body: [UInt8]) throws(StatusError) -> JSONValue {
    guard let metadata = ProtobufReader.kubernetesMessage(body)?.bytes(1),
      let fields = ProtobufReader.fields(metadata)
    else { throw StatusError(.badRequest, "the body is not a Namespace in Kubernetes' protobuf format") }
    var object: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": [:]]
    for (field, name) in [(1, "name"), (2, "generateName")] as [(UInt64, String)] where !fields.text(field).isEmpty {
      object["metadata"]?[name] = .string(fields.text(field))
    }
    for (field, name) in [(11, "labels"), (12, "annotations")] as [(UInt64, String)] {
      let entries = ProtobufReader.values(of: field, in: metadata).compactMap { ProtobufReader.fields($0) }
      if entries.isEmpty { continue }
      object["metadata"]?[name] = .object(
        Dictionary(entries.map { ($0.text(1), .string($0.text(2))) }) { _, last in last })
    }
    return object
  }
}
