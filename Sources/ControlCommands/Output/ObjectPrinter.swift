import ResourceClient
import ResourceModel
import WireFormats

/// Prints objects in the form that was asked for.
struct ObjectPrinter: Sendable {
  let console: Console
  let names: ResourceNames
  let format: OutputFormat
  let showsNamespace: Bool
  let hasHeader: Bool
  var showsManagedFields = false

  func print(_ query: ObjectQuery) async throws(CommandFailure) {
    switch format {
    case .table, .wide: try await printTable(query)
    case .yaml: try console.write(YAMLText.render(document(try await query.objects(), query)))
    case .json: try console.write(JSONText.render(document(try await query.objects(), query)))
    case .name:
      for object in try await query.objects() { try console.write(line(object)) }
    }
  }

  /// The object that was asked for by name, or a List.
  private func document(_ objects: [JSONValue], _ query: ObjectQuery) -> JSONValue {
    let objects = objects.map(shown)
    if query.names.count == 1, let object = objects.first { return object }
    return ["apiVersion": "v1", "kind": "List", "metadata": .object([:]), "items": .array(objects)]
  }

  private func printTable(_ query: ObjectQuery) async throws(CommandFailure) {
    var view = TableView(isWide: format == .wide, showsNamespace: showsNamespace)
    var rows: [TableView.Row] = []
    for table in try await query.pages(.table) {
      try Self.check(table, server: query.session.server)
      rows += view.rows(of: table)
    }
    if rows.isEmpty {
      let place = query.namespace.map { " in namespace \(printable($0))" } ?? ""
      console.note("No \(names.plural) found\(place).")
      return
    }
    let text = TextTable.render(header: view.header, rows: rows.map(\.cells))
    try console.write(hasHeader ? text : String(text.drop { $0 != "\n" }.dropFirst()))
    for row in rows {
      if let deletion = row.deletion { console.note("\(names.reference(row.name)) \(printable(deletion))") }
    }
  }

  /// - Throws: `CommandFailure` where the server does not answer with Tables.
  static func check(_ table: JSONValue, server: String) throws(CommandFailure) {
    guard table["kind"]?.string == "Table" else {
      throw CommandFailure("\(server) answered no table", hint: "Use -o yaml, -o json or -o name.")
    }
  }

  /// One object of a watch, in the forms other than tables.
  func text(_ object: JSONValue) -> String {
    switch format {
    case .table, .wide, .name: line(object)
    case .yaml: "---\n" + YAMLText.render(shown(object))
    case .json: JSONText.render(shown(object))
    }
  }

  private func shown(_ object: JSONValue) -> JSONValue {
    showsManagedFields ? object : LiveObject.withoutManagers(object)
  }

  private func line(_ object: JSONValue) -> String { names.reference(object["metadata"]?["name"]?.string ?? "") + "\n" }
}
