public import WireFormats

/// The metadata every object carries (Kubernetes `metav1.ObjectMeta`).
public struct ObjectMeta: Sendable, Hashable, Codable {
  public var name: String
  public var namespace: String?
  public var uid: String?
  /// Opaque to clients; changes with every write. Sent back with an update, it must still be the current one.
  public var resourceVersion: String?
  /// Counts the changes of `spec`; starts at 1.
  public var generation: Int64?
  public var creationTimestamp: Timestamp?
  /// Set once deletion was asked for; the object goes when its last finalizer is removed.
  public var deletionTimestamp: Timestamp?
  public var labels: [String: String]?
  public var annotations: [String: String]?
  public var finalizers: [String]?

  public init(
    name: String, namespace: String? = nil, uid: String? = nil, resourceVersion: String? = nil,
    generation: Int64? = nil,
    creationTimestamp: Timestamp? = nil, deletionTimestamp: Timestamp? = nil, labels: [String: String]? = nil,
    annotations: [String: String]? = nil, finalizers: [String]? = nil
  ) {
    self.name = name
    self.namespace = namespace
    self.uid = uid
    self.resourceVersion = resourceVersion
    self.generation = generation
    self.creationTimestamp = creationTimestamp
    self.deletionTimestamp = deletionTimestamp
    self.labels = labels
    self.annotations = annotations
    self.finalizers = finalizers
  }
}
