public import Audit
public import Database
public import ResourceModel
public import ResourceStorage
public import WireFormats

/// Audits what people write through the resource API, by kubectl, by a page or by a program of their own, like what they do through a
/// server's other endpoints.
public struct ObjectAudit: WriteAudit {
  private let ledger: AuditLedger
  private let kinds: Set<ResourceNames>
  private let acts: @Sendable (AuditedWrite) -> [AuditedAct]

  /// - Parameters:
  ///   - kinds: whose writes are kept.
  ///   - acts: what a write does, in the words of its kind, each of which has an entry of its own; none where `…Created`, `…Changed` or
  ///     `…Deleted` say it.
  public init(
    _ ledger: AuditLedger, of kinds: Set<ResourceNames>,
    acts: @escaping @Sendable (AuditedWrite) -> [AuditedAct] = { _ in [] }
  ) {
    self.ledger = ledger
    self.kinds = kinds
    self.acts = acts
  }

  public func keeps(_ kind: ResourceNames) -> Bool { kinds.contains(kind) }

  public func prepare(in connection: any SQLConnection) throws { try ledger.lock(in: connection) }

  public func record(_ writes: [AuditedWrite], in connection: any SQLConnection) throws {
    try ledger.record(writes.flatMap(entries), in: connection)
  }

  private func entries(_ write: AuditedWrite) -> [AuditEntry] {
    let acts = acts(write)
    return (acts.isEmpty ? [AuditedAct(Self.action(write))] : acts).map { entry($0, write) }
  }

  private static func action(_ write: AuditedWrite) -> String {
    let origin = write.origin
    let done =
      switch origin.verb {
      case "create": "Created"
      case "delete", "deletecollection": "Deleted"
      default: origin.subresource.isEmpty ? "Changed" : "StatusChanged"
      }
    return write.kind.kind + done
  }

  private func entry(_ act: AuditedAct, _ write: AuditedWrite) -> AuditEntry {
    let origin = write.origin
    var detail: [String: JSONValue] = ["verb": .string(origin.verb)]
    if !origin.changedFields.isEmpty { detail["changed"] = .array(origin.changedFields.map { .string($0) }) }
    if let version = write.object?["spec"]?["version"]?.string { detail["version"] = .string(version) }
    detail.merge(act.values) { $1 }
    let namespace = write.key.namespace
    return AuditEntry(
      actor: origin.actor, roles: origin.roles, address: origin.address,
      action: act.action,
      object: namespace.isEmpty ? write.key.name : "\(namespace)/\(write.key.name)", detail: .object(detail))
  }
}

/// One of the things that a write does.
public struct AuditedAct: Sendable, Hashable {
  /// In CamelCase, such as `RolloutHalted`.
  public var action: String
  /// The few short values that matter, as they are now.
  public var values: [String: JSONValue]

  public init(_ action: String, _ values: [String: JSONValue] = [:]) {
    self.action = action
    self.values = values
  }
}
