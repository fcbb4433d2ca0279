import Database
import ResourceModel

extension SQLResourceStore {
  /// The namespaces that objects of any kind are in, in order.
  public func occupiedNamespaces() async throws -> [String] {
    let tables = allTables
    return try await reading { connection in
      var names: Set<String> = []
      for table in tables {
        for row in try connection.query("SELECT DISTINCT namespace FROM \(table.table) WHERE namespace <> ''", []) {
          if let name = row[0].text { names.insert(name) }
        }
      }
      return names.sorted()
    }
  }
}
