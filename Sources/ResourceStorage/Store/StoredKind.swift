public import Database
public import ResourceModel

/// A kind, and how a store keeps its objects.
public struct StoredKind: Sendable {
  enum Layout: Sendable {
    case json(indexedFields: [String])
    case columns(ColumnMapping, [Migration])
  }

  public let definition: ResourceDefinition
  let layout: Layout

  /// Kept as JSON text, in the table that the definition names.
  /// - Parameter indexedFields: paths of fields by which many objects are searched (`involvedObject.name`). One that is
  ///   added, also to a table that is full, is a migration of its own.
  public static func json(_ definition: ResourceDefinition, indexedFields: [String] = []) -> StoredKind {
    StoredKind(definition: definition, layout: .json(indexedFields: indexedFields))
  }

  /// Kept in columns, which other programs read and write by plain SQL.
  /// - Parameter migrations: of the owner `kind/…`; they make the table, with the columns and triggers that
  ///   `ColumnMapping` asks for.
  public static func columns(
    _ definition: ResourceDefinition, _ mapping: ColumnMapping, migrations: [Migration]
  ) -> StoredKind {
    StoredKind(definition: definition, layout: .columns(mapping, migrations))
  }

  /// What makes and alters the kind's table.
  public var migrations: [Migration] {
    switch layout {
    case .json(let indexedFields): JSONObjectTable.migrations(definition, indexedFields: indexedFields)
    case .columns(_, let migrations): migrations
    }
  }

  func table(_ dialect: SQLDialect) -> any ObjectTable {
    switch layout {
    case .json: JSONObjectTable(definition, dialect)
    case .columns(let mapping, _): ColumnObjectTable(definition, mapping, dialect)
    }
  }
}

extension ResourceDefinition {
  /// The owner of the migrations of the kind's table.
  public var migrationOwner: String { "kind/\(names.qualifiedPlural)" }
}
