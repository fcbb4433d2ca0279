public import Database
public import ResourceModel
public import WireFormats

/// Who asks for a write, where that is a person or what a person runs.
public struct WriteOrigin: Sendable, Hashable {
  /// The name of the account or token.
  public var actor: String
  public var roles: String
  /// Empty where it is not known.
  public var address: String
  /// As Kubernetes' authorization names it: `create`, `update`, `patch`, `delete`, `deletecollection`.
  public var verb: String
  /// `status` where only that is written, else empty.
  public var subresource: String
  /// What an update changes, such as `spec.version`.
  public var changedFields: [String]

  public init(
    actor: String, roles: String, address: String, verb: String, subresource: String = "", changedFields: [String] = []
  ) {
    self.actor = actor
    self.roles = roles
    self.address = address
    self.verb = verb
    self.subresource = subresource
    self.changedFields = changedFields
  }
}

/// A write that took place.
public struct AuditedWrite: Sendable {
  public var kind: ResourceNames
  public var key: ObjectKey
  public var origin: WriteOrigin
  /// As it is now; nil where it was removed.
  public var object: JSONValue?
}

/// Keeps who wrote what, in the transaction that writes it: neither is there without the other.
public protocol WriteAudit: Sendable {
  /// Whether writes of this kind are kept at all.
  func keeps(_ kind: ResourceNames) -> Bool
  /// Takes what locks it needs, before the transaction takes any of the store's.
  func prepare(in connection: any SQLConnection) throws
  /// - Parameter writes: at least one, in their order.
  func record(_ writes: [AuditedWrite], in connection: any SQLConnection) throws
}
