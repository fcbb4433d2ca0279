public import Database

/// One entry that is to be kept if and when what it tells of takes place.
public struct AuditNote: Sendable {
  private let ledger: AuditLedger
  private let entry: AuditEntry

  public init(_ entry: AuditEntry, in ledger: AuditLedger) {
    self.entry = entry
    self.ledger = ledger
  }

  /// To be called before the transaction locks what lies behind the audit in the order of locks.
  public func prepare(in connection: any SQLConnection) throws { try ledger.lock(in: connection) }

  public func record(in connection: any SQLConnection) throws { try ledger.record([entry], in: connection) }
}
