import AuditChain
public import Database

extension AuditLedger {
  /// The schema of `audit_entry`. Times are text, and details too: what is written is what its digest is over.
  public static let migrations: [Migration] = [
    Migration(owner: "audit", version: 1, name: "audit entries") { dialect in
      let text = dialect == .postgresql ? "text COLLATE \"C\" NOT NULL" : "text NOT NULL"
      return [
        """
        CREATE TABLE audit_entry (
          sequence bigint PRIMARY KEY, at \(text), actor \(text), roles \(text), address \(text), action \(text),
          object \(text), detail \(text), previous \(text), digest \(text) UNIQUE)
        """,
        "CREATE INDEX audit_entry_at ON audit_entry (at)",
        "CREATE INDEX audit_entry_actor ON audit_entry (actor, sequence)",
        "CREATE INDEX audit_entry_action ON audit_entry (action, sequence)",
        "CREATE TABLE audit_head (id integer PRIMARY KEY CHECK (id = 1), sequence bigint NOT NULL, digest \(text))",
        "INSERT INTO audit_head (id, sequence, digest) VALUES (1, 0, '\(AuditRecord.beginning)')",
      ]
    },
    Migration(owner: "audit", version: 2, name: "audit entries by object") { _ in
      ["CREATE INDEX audit_entry_object ON audit_entry (object, sequence)"]
    },
  ]
}
