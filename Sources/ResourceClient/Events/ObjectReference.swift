public import ResourceModel
import WireFormats

/// Which object an Event is about (`v1.ObjectReference`).
public struct ObjectReference: Sendable, Hashable {
  public var apiVersion: String
  public var kind: String
  public var namespace: String
  public var name: String
  public var uid: String?

  public init(apiVersion: String, kind: String, namespace: String, name: String, uid: String?) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  public init<Kind: ResourceKind>(_ object: Resource<Kind>) {
    self.init(
      apiVersion: object.apiVersion, kind: object.kind, namespace: object.key.namespace, name: object.key.name,
      uid: object.metadata.uid)
  }

  var json: JSONValue {
    var value: JSONValue = [
      "apiVersion": .string(apiVersion), "kind": .string(kind), "namespace": .string(namespace), "name": .string(name),
    ]
    if let uid { value["uid"] = .string(uid) }
    return value
  }
}
