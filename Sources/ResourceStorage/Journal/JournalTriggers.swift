public import Database
public import ResourceModel

/// The triggers of a table with columns that journal its rows; see `ChangeJournal` for what they do.
public struct JournalTriggers: Sendable {
  private let definition: ResourceDefinition
  private let mapping: ColumnMapping

  /// - Parameter mapping: its columns are what the journal keeps of a row. Where columns are added to it later, another
  ///   migration makes the triggers anew, by `replacement`.
  public init(_ definition: ResourceDefinition, _ mapping: ColumnMapping) {
    self.definition = definition
    self.mapping = mapping
  }

  /// The statements that make them, and the index by which objects are found and listed.
  public func statements(_ dialect: SQLDialect) -> [String] {
    let name = dialect == .postgresql ? "\"\(mapping.name)\" COLLATE \"C\"" : "\"\(mapping.name)\""
    let namespace = mapping.namespace.map {
      dialect == .postgresql ? "\"\($0)\" COLLATE \"C\", " : "\"\($0)\", "
    }
    return ["CREATE UNIQUE INDEX \"\(table)_object\" ON \"\(table)\" (\(namespace ?? "")\(name))"] + triggers(dialect)
  }

  /// The statements that take the place of triggers of an earlier migration.
  public func replacement(_ dialect: SQLDialect) -> [String] {
    switch dialect {
    case .postgresql: [journalFunction]
    case .sqlite: ["inserted", "updated", "deleted"].map { "DROP TRIGGER \"\(table)_\($0)\"" } + triggers(dialect)
    }
  }

  private func triggers(_ dialect: SQLDialect) -> [String] {
    switch dialect {
    case .postgresql: [journalFunction] + postgreSQLTriggers
    case .sqlite: sqliteTriggers
    }
  }

  private var table: String { definition.table }
  private var kind: String { "'\(definition.names.qualifiedPlural)'" }

  private func namespace(_ row: String) -> String { mapping.namespace.map { "\(row).\"\($0)\"" } ?? "''" }
  private func name(_ row: String) -> String { "\(row).\"\(mapping.name)\"" }
  private func uid(_ row: String) -> String { "CAST(\(row).\"\(mapping.uid.name)\" AS text)" }
  /// True where the object has become another one.
  private var isRenamed: String {
    let namespace = mapping.namespace.map { " OR NEW.\"\($0)\" <> OLD.\"\($0)\"" } ?? ""
    return "(\(name("NEW")) <> \(name("OLD"))\(namespace))"
  }
}

// MARK: PostgreSQL

extension JournalTriggers {
  /// What the triggers of all tables use.
  ///
  /// Within a statement the revisions that it takes are counted in a setting of the transaction, and written down once at
  /// its end: to change one row a thousand times in a transaction costs a thousand versions of it.
  @Sendable static func functions(_ dialect: SQLDialect) -> [String] {
    guard dialect == .postgresql else { return [] }
    return [
      """
      CREATE FUNCTION resource_next_revision() RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
      DECLARE
        last bigint := nullif(current_setting('wrktalk.revision', true), '');
      BEGIN
        IF last IS NULL THEN
          SELECT revision INTO STRICT last FROM resource_revision WHERE id = 1 FOR UPDATE;
        END IF;
        PERFORM set_config('wrktalk.revision', CAST(last + 1 AS text), true);
        RETURN last + 1;
      END
      $body$
      """,
      """
      CREATE FUNCTION resource_number_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
      BEGIN
        NEW.resource_version := resource_next_revision();
        NEW.written_at := extract(epoch FROM clock_timestamp()) * 1000000;
        RETURN NEW;
      END
      $body$
      """,
      """
      CREATE FUNCTION resource_end_statement() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
      DECLARE
        last bigint := nullif(current_setting('wrktalk.revision', true), '');
      BEGIN
        IF last IS NOT NULL THEN
          UPDATE resource_revision SET revision = last WHERE id = 1 AND revision < last;
          PERFORM set_config('wrktalk.revision', '', true);
          PERFORM pg_notify('\(ChangeJournal.channel)', '');
        END IF;
        RETURN NULL;
      END
      $body$
      """,
    ]
  }

  private var journalFunction: String {
    """
    CREATE OR REPLACE FUNCTION "\(table)_journal"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    DECLARE
      content text;
      previous text;
      written_at bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    BEGIN
      IF TG_OP <> 'INSERT' THEN
        previous := \(mapping.content("OLD.", .postgresql));
      END IF;
      IF TG_OP = 'DELETE' THEN
        \(removal("resource_next_revision()"));
        RETURN NULL;
      END IF;
      content := \(mapping.content("NEW.", .postgresql));
      IF TG_OP = 'UPDATE' AND NOT \(isRenamed) THEN
        INSERT INTO resource_change (\(ChangeJournal.columns))
        VALUES (NEW.resource_version, \(kind), \(namespace("NEW")), \(name("NEW")), 'MODIFIED', \(uid("NEW")), content, \
    \(ObjectContent.isRow), OLD.resource_version, previous, \(ObjectContent.isRow), NEW.written_at,
          octet_length(content) + octet_length(previous));
        RETURN NULL;
      END IF;
      INSERT INTO resource_change (\(ChangeJournal.columns))
      VALUES (NEW.resource_version, \(kind), \(namespace("NEW")), \(name("NEW")), 'ADDED', \(uid("NEW")), content, \
    \(ObjectContent.isRow), NULL, NULL, 0, NEW.written_at, octet_length(content));
      IF TG_OP = 'UPDATE' THEN
        \(removal("resource_next_revision()"));
      END IF;
      RETURN NULL;
    END
    $body$
    """
  }

  private func removal(_ revision: String) -> String {
    """
    INSERT INTO resource_change (\(ChangeJournal.columns))
        VALUES (\(revision), \(kind), \(namespace("OLD")), \(name("OLD")), 'DELETED', \(uid("OLD")), '', 0, \
    OLD.resource_version, previous, \(ObjectContent.isRow), written_at, octet_length(previous))
    """
  }

  private var postgreSQLTriggers: [String] {
    let events = [
      ("insert_numbered", "BEFORE INSERT", "ROW WHEN (NEW.resource_version = 0)", "resource_number_row"),
      (
        "update_numbered", "BEFORE UPDATE OF resource_version", "ROW WHEN (NEW.resource_version = 0)",
        "resource_number_row"
      ),
      ("inserted", "AFTER INSERT", "ROW", "\(table)_journal"),
      (
        "updated", "AFTER UPDATE OF resource_version", "ROW WHEN (NEW.resource_version <> OLD.resource_version)",
        "\(table)_journal"
      ),
      ("deleted", "AFTER DELETE", "ROW", "\(table)_journal"),
      ("ended", "AFTER INSERT OR UPDATE OF resource_version OR DELETE", "STATEMENT", "resource_end_statement"),
    ]
    return events.map { name, event, scope, function in
      "CREATE TRIGGER \"\(table)_\(name)\" \(event) ON \"\(table)\" FOR EACH \(scope) EXECUTE FUNCTION \"\(function)\"()"
    }
  }
}

// MARK: SQLite

extension JournalTriggers {
  private var sqliteTriggers: [String] {
    let next = "UPDATE resource_revision SET revision = revision + 1 WHERE id = 1"
    let newest = "(SELECT revision FROM resource_revision WHERE id = 1)"
    let now = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer) * 1000"
    // A row that asks for a revision gets it by a change of its own, at which no trigger looks.
    let number = """
      \(next) AND NEW.resource_version = 0;
        UPDATE "\(table)" SET resource_version = \(newest), written_at = \(now)
        WHERE "\(mapping.uid.name)" = NEW."\(mapping.uid.name)" AND NEW.resource_version = 0
      """
    let revision = "CASE WHEN NEW.resource_version = 0 THEN \(newest) ELSE NEW.resource_version END"
    let writtenAt = "CASE WHEN NEW.resource_version = 0 THEN \(now) ELSE NEW.written_at END"
    let (content, previous) = (mapping.content("NEW.", .sqlite), mapping.content("OLD.", .sqlite))
    func bytes(_ text: String) -> String { "length(CAST(\(text) AS blob))" }
    let columns = ChangeJournal.columns
    let addition = """
      INSERT INTO resource_change (\(columns))
        SELECT \(revision), \(kind), \(namespace("NEW")), \(name("NEW")), 'ADDED', \(uid("NEW")), content, \
      \(ObjectContent.isRow), NULL, NULL, 0, \(writtenAt), \(bytes("content"))
        FROM (SELECT \(content) AS content)
      """
    let removal = """
      INSERT INTO resource_change (\(columns))
        SELECT \(newest), \(kind), \(namespace("OLD")), \(name("OLD")), 'DELETED', \(uid("OLD")), '', 0, \
      OLD.resource_version, previous, \(ObjectContent.isRow), \(now), \(bytes("previous"))
        FROM (SELECT \(previous) AS previous)
      """
    return [
      """
      CREATE TRIGGER "\(table)_inserted" AFTER INSERT ON "\(table)" BEGIN
        \(number);
        \(addition);
      END
      """,
      """
      CREATE TRIGGER "\(table)_updated" AFTER UPDATE OF resource_version ON "\(table)"
      WHEN NEW.resource_version <> OLD.resource_version AND OLD.resource_version <> 0 BEGIN
        \(number);
        INSERT INTO resource_change (\(columns))
        SELECT \(revision), \(kind), \(namespace("NEW")), \(name("NEW")), 'MODIFIED', \(uid("NEW")), content, \
      \(ObjectContent.isRow), OLD.resource_version, previous, \(ObjectContent.isRow), \(writtenAt), \
      \(bytes("content")) + \(bytes("previous"))
        FROM (SELECT \(content) AS content, \(previous) AS previous) WHERE NOT \(isRenamed);
        \(addition) WHERE \(isRenamed);
        \(next) AND \(isRenamed);
        \(removal) WHERE \(isRenamed);
      END
      """,
      """
      CREATE TRIGGER "\(table)_deleted" AFTER DELETE ON "\(table)" BEGIN
        \(next);
        \(removal);
      END
      """,
    ]
  }
}
