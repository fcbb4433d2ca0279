public import Audit
public import Database
public import ResourceModel
public import ResourceStorage
import WireFormats

/// Audits what people write through the resource API, by kubectl, by a page or by a program of their own, like what they do through a
/// server's other endpoints.
public struct ObjectAudit: WriteAudit {
  private let ledger: AuditLedger
  private let kinds: Set<ResourceNames>
  private let action: @Sendable (AuditedWrite) -> String?

  /// - Parameters:
  ///   - kinds: whose writes are kept.
  ///   - action: what a write does, in the words of its kind; nil where `…Created`, `…Changed` or `…Deleted` say it.
  public init(
    _ ledger: AuditLedger, of kinds: Set<ResourceNames>,
    action: @escaping @Sendable (AuditedWrite) -> String? = { _ in nil }
  ) {
    self.ledger = ledger
    self.kinds = kinds
    self.action = action
  }

  public func keeps(_ kind: ResourceNames) -> Bool { kinds.contains(kind) }

  public func prepare(in connection: any SQLConnection) throws { try ledger.lock(in: connection) }

  public func record(_ writes: [AuditedWrite], in connection: any SQLConnection) throws {
    try ledger.record(writes.map(entry), in: connection)
  }

  private func entry(_ write: AuditedWrite) -> AuditEntry {
    let origin = write.origin
    let done =
      switch origin.verb {
      case "create": "Created"
      case "delete", "deletecollection": "Deleted"
      default: origin.subresource.isEmpty ? "Changed" : "StatusChanged"
      }
    var detail: [String: JSONValue] = ["verb": .string(origin.verb)]
    if !origin.changedFields.isEmpty { detail["changed"] = .array(origin.changedFields.map { .string($0) }) }
    if let version = write.object?["spec"]?["version"]?.string { detail["version"] = .string(version) }
    let namespace = write.key.namespace
    return AuditEntry(
      actor: origin.actor, roles: origin.roles, address: origin.address,
      action: action(write) ?? write.kind.kind + done,
      object: namespace.isEmpty ? write.key.name : "\(namespace)/\(write.key.name)", detail: .object(detail))
  }
}
