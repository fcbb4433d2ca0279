import Database

/// The table of what admins were told, and of whom no mail goes to.
enum NoticeMigrations {
  static let all = [
    Migration(owner: "backend.notices", version: 1, name: "facts that come again, recipients") { dialect in
      let types = PrismaTypes(dialect)
      return [
        "ALTER TABLE admin_notice RENAME TO admin_notice_before",
        // A fact that is over stays in the list; one that is open is there once.
        """
        CREATE TABLE admin_notice (
          \(types.id), fact text NOT NULL, kind text NOT NULL, notice text NOT NULL, "createdAt" \(types.time) NOT NULL,
          "resolvedAt" \(types.time), "dispatchedAt" \(types.time),
          "isAlone" \(types.boolean) NOT NULL DEFAULT \(types.no))
        """,
        """
        INSERT INTO admin_notice (fact, kind, notice, "createdAt")
        SELECT id, kind, notice, "createdAt" FROM admin_notice_before
        """,
        "DROP TABLE admin_notice_before",
        "CREATE UNIQUE INDEX admin_notice_open ON admin_notice (fact) WHERE \"resolvedAt\" IS NULL",
        "CREATE INDEX admin_notice_waiting ON admin_notice (\"createdAt\", id) WHERE \"dispatchedAt\" IS NULL",
        "CREATE INDEX admin_notice_dispatched ON admin_notice (\"dispatchedAt\")",
        "CREATE INDEX admin_notice_time ON admin_notice (\"createdAt\", id)",
        "CREATE TABLE admin_notice_recipient (address text PRIMARY KEY, \"isOff\" \(types.boolean) NOT NULL)",
      ]
    }
  ]
}
