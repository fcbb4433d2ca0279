public import Database
public import ResourceModel

extension SQLResourceStore {
  /// The schema of the change journal, and of each kind's table. Migrations that were released never change.
  public static func migrations(for kinds: [StoredKind]) -> [Migration] {
    ChangeJournal.migrations + kinds.flatMap(\.migrations)
  }

  /// The same for kinds that are kept as JSON text.
  public static func migrations(for definitions: [ResourceDefinition]) -> [Migration] {
    migrations(for: definitions.map { .json($0) })
  }
}
