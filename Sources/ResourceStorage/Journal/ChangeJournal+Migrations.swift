import Database

extension ChangeJournal {
  /// Of the owner `store`. An earlier version of the program knew the first four by their names.
  static var migrations: [Migration] {
    let steps: [(name: String, statements: @Sendable (SQLDialect) -> [String])] = [
      ("resource change log", changeLog), ("bounded change log, epochs", { _ in boundedChangeLog }),
      ("schemas whose defaults all objects have", { _ in schemas }),
      ("change journal: versions apart from texts", { _ in offsets }),
      ("change journal: rows of other programs", JournalTriggers.functions),
      ("change journal: one index", oneIndex),
    ]
    return zip(steps, 1...).map { step, version in
      Migration(owner: "store", version: version, name: step.name, statements: step.statements)
    }
  }

  @Sendable private static func changeLog(_ dialect: SQLDialect) -> [String] {
    // Names are compared by their bytes, so that both databases list in one order.
    let name = dialect == .postgresql ? "text COLLATE \"C\"" : "text"
    return [
      """
      CREATE TABLE resource_revision (
        id bigint PRIMARY KEY CHECK (id = 1), revision bigint NOT NULL)
      """,
      "INSERT INTO resource_revision (id, revision) VALUES (1, 1)",
      // Changes up to this revision are no longer kept.
      """
      CREATE TABLE resource_compaction (
        id bigint PRIMARY KEY CHECK (id = 1), revision bigint NOT NULL)
      """,
      "INSERT INTO resource_compaction (id, revision) VALUES (1, 1)",
      """
      CREATE TABLE resource_change (
        revision bigint PRIMARY KEY,
        kind \(name) NOT NULL, namespace \(name) NOT NULL, name \(name) NOT NULL,
        type text NOT NULL CHECK (type IN ('ADDED', 'MODIFIED', 'DELETED')),
        uid text NOT NULL,
        object text NOT NULL,
        previous_revision bigint, previous text,
        written_at bigint NOT NULL)
      """,
      "CREATE INDEX resource_change_key ON resource_change (kind, namespace, name, revision)",
    ]
  }

  private static let boundedChangeLog = [
    // What is kept of a database of an earlier version may be large and says nothing of its size: watchers list once.
    "UPDATE resource_compaction SET revision = (SELECT revision FROM resource_revision WHERE id = 1) WHERE id = 1",
    "DELETE FROM resource_change",
    "ALTER TABLE resource_change ADD COLUMN size bigint NOT NULL DEFAULT 0",
    // All that pruning and the division into pages look at.
    "CREATE INDEX resource_change_size ON resource_change (revision, kind, namespace, size, written_at)",
    "CREATE TABLE resource_kind_compaction (kind text PRIMARY KEY, revision bigint NOT NULL)",
    // No revision between the two was ever given out.
    """
    CREATE TABLE resource_epoch (
      first bigint PRIMARY KEY, last_before bigint NOT NULL, started_at bigint NOT NULL)
    """,
  ]

  private static let schemas = ["CREATE TABLE resource_schema (kind text PRIMARY KEY, schema text NOT NULL)"]

  private static let offsets = ["version_offset", "previous_version_offset"].map {
    "ALTER TABLE resource_change ADD COLUMN \($0) bigint NOT NULL DEFAULT 0"
  }

  /// Each change is entered into one index besides the order of revisions: what a kind's changes are, and all that pruning,
  /// lists and the division into pages look at.
  @Sendable private static func oneIndex(_ dialect: SQLDialect) -> [String] {
    switch dialect {
    case .postgresql:
      [
        "DROP INDEX resource_change_key", "DROP INDEX resource_change_size",
        """
        CREATE INDEX resource_change_kind ON resource_change (kind, revision)
          INCLUDE (namespace, name, size, written_at)
        """,
      ]
    case .sqlite:
      [
        // The order of revisions is that of the rows, and what is short stands before the texts, whose pages need not be
        // read for it.
        """
        CREATE TABLE resource_change_ordered (
          revision integer PRIMARY KEY,
          kind text NOT NULL, namespace text NOT NULL, name text NOT NULL,
          type text NOT NULL CHECK (type IN ('ADDED', 'MODIFIED', 'DELETED')),
          uid text NOT NULL, size bigint NOT NULL, written_at bigint NOT NULL,
          version_offset bigint NOT NULL, previous_revision bigint, previous_version_offset bigint NOT NULL,
          object text NOT NULL, previous text)
        """,
        """
        INSERT INTO resource_change_ordered (\(ChangeJournal.columns)) SELECT \(ChangeJournal.columns) FROM resource_change
        """, "DROP TABLE resource_change", "ALTER TABLE resource_change_ordered RENAME TO resource_change",
        """
        CREATE INDEX resource_change_kind ON resource_change (kind, revision, namespace, name, size, written_at)
        """,
      ]
    }
  }
}
