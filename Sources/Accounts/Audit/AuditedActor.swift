public import Audit
public import Database
public import WireFormats

/// Who does something, and where that is audited: for what knows only while it does it what there is to record.
public struct AuditedActor: Sendable {
  private let actor: AuditActor
  private let ledger: AuditLedger

  public init(_ actor: AuditActor, in ledger: AuditLedger) {
    self.actor = actor
    self.ledger = ledger
  }

  /// To be called before the transaction locks what lies behind the audit in the order of locks.
  public func prepare(in connection: any SQLConnection) throws { try ledger.lock(in: connection) }

  public func record(
    _ action: String, _ object: String, _ detail: JSONValue = [:], in connection: any SQLConnection
  ) throws {
    try ledger.record([actor.entry(action, object, detail)], in: connection)
  }
}
