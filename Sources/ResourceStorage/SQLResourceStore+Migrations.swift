public import Database
public import ResourceModel

extension SQLResourceStore {
  /// The schema of the change log (version 1) and of each kind (versions 2 up to 298, in the order of `definitions`), and
  /// what was added to them later (500, 501 up to 998, and 999; 299, and 300 up to 499). A new kind goes to the end of the list: migrations that were
  /// released never change.
  public static func migrations(for definitions: [ResourceDefinition]) -> [Migration] {
    [changeLog] + definitions.enumerated().map { index, definition in kind(definition, version: index + 2) }
      + [boundedChangeLog]
      + definitions.enumerated().map { index, definition in sizes(definition, version: index + 501) }
      + [schemas, journalOffsets]
      + definitions.enumerated().map { index, definition in offset(definition, version: index + 300) }
  }

  private static var journalOffsets: Migration {
    Migration(version: 299, name: "change journal: versions apart from texts") { _ in
      ["version_offset", "previous_version_offset"].map {
        "ALTER TABLE resource_change ADD COLUMN \($0) bigint NOT NULL DEFAULT 0"
      }
    }
  }

  private static func offset(_ definition: ResourceDefinition, version: Int) -> Migration {
    Migration(version: version, name: "\(definition.table): version apart from the text") { _ in
      // 0 where the text holds its version, as in every row that is there.
      ["ALTER TABLE \"\(definition.table)\" ADD COLUMN version_offset bigint NOT NULL DEFAULT 0"]
    }
  }

  private static var schemas: Migration {
    Migration(version: 999, name: "schemas whose defaults all objects have") { _ in
      ["CREATE TABLE resource_schema (kind text PRIMARY KEY, schema text NOT NULL)"]
    }
  }

  private static var boundedChangeLog: Migration {
    Migration(version: 500, name: "bounded change log, epochs") { _ in
      [
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
    }
  }

  private static func sizes(_ definition: ResourceDefinition, version: Int) -> Migration {
    Migration(version: version, name: "\(definition.table): size and time of the last write") { _ in
      [
        // 0 where it is not known: rows of an earlier version are not rewritten for it.
        "ALTER TABLE \"\(definition.table)\" ADD COLUMN size bigint NOT NULL DEFAULT 0",
        "ALTER TABLE \"\(definition.table)\" ADD COLUMN written_at bigint NOT NULL DEFAULT 0",
        "CREATE INDEX \"\(definition.table)_written_at\" ON \"\(definition.table)\" (written_at, created_at)",
      ]
    }
  }

  private static var changeLog: Migration {
    Migration(version: 1, name: "resource change log") { dialect in
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
  }

  private static func kind(_ definition: ResourceDefinition, version: Int) -> Migration {
    Migration(version: version, name: definition.table) { dialect in
      let name = dialect == .postgresql ? "text COLLATE \"C\"" : "text"
      let json = dialect == .postgresql ? "jsonb" : "text"
      return [
        """
        CREATE TABLE "\(definition.table)" (
          namespace \(name) NOT NULL, name \(name) NOT NULL,
          uid text NOT NULL UNIQUE,
          resource_version bigint NOT NULL, generation bigint NOT NULL,
          labels \(json) NOT NULL, created_at text NOT NULL,
          object text NOT NULL,
          PRIMARY KEY (namespace, name))
        """
      ]
    }
  }
}
