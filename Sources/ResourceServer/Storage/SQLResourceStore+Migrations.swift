public import Database
public import ResourceModel

extension SQLResourceStore {
  /// The schema of the change log (version 1) and of each kind (versions 2 up to 999, in the order of `definitions`).
  /// A new kind goes to the end of the list: migrations that were released never change.
  public static func migrations(for definitions: [ResourceDefinition]) -> [Migration] {
    [changeLog] + definitions.enumerated().map { index, definition in kind(definition, version: index + 2) }
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
