import ResourceClient
import ResourceModel
import WireFormats

/// Prints objects as they are and again whenever they change: one line a change that can be seen.
struct ListFollower {
  let query: ObjectQuery
  let printer: ObjectPrinter

  /// Follows until the process is ended.
  /// - Parameter mustExist: the one object asked for; nil where none need be there.
  func follow(mustExist name: String?) async throws {
    let session = query.session
    var lines = ChangeLines(printer: printer)
    var outage = Outage()
    var isFirstRequest = true
    while true {
      do {
        var version = try await list(&lines)
        if isFirstRequest, let name, lines.isEmpty {
          throw CommandFailure(
            "\(query.resource.reference(name)) does not exist"
              + (query.definition.isNamespaced ? " in namespace \(session.namespace)" : ""))
        }
        outage.end()
        isFirstRequest = false
        while true {
          let began = ContinuousClock.now
          let stream = try await session.client.watch(
            query.resource, namespace: query.namespace, selector: query.selector, from: version,
            representation: printer.format.representation)
          for try await event in stream { version = try lines.take(event) ?? version }
          if ContinuousClock.now - began < .seconds(1) { try await Task.sleep(for: .seconds(1)) }
        }
      } catch let error as ResourceClientError {
        try await outage.wait(error, isFirstRequest: isFirstRequest, session: session)
      }
    }
  }

  /// - Returns: the version from which a watch goes on.
  private func list(_ lines: inout ChangeLines) async throws -> String {
    let client = query.session.client
    var version = ""
    var token: String?
    repeat {
      let page = try await client.page(
        query.resource, namespace: query.namespace, selector: query.selector, limit: 500, continueToken: token,
        representation: printer.format.representation)
      version = page["metadata"]?["resourceVersion"]?.string ?? ""
      try lines.takePage(page)
      let next = page["metadata"]?["continue"]?.string
      token = next?.isEmpty == true || next == token ? nil : next
    } while token != nil
    return version
  }
}

extension OutputFormat {
  var representation: Representation {
    switch self {
    case .table, .wide: .table
    case .yaml, .json, .name: .object
    }
  }
}

/// What was printed, so that a list after a broken connection prints only what changed meanwhile.
private struct ChangeLines {
  let printer: ObjectPrinter
  private var view: TableView
  private var table = TextTable(minimumWidth: 9)
  private var hasHeader: Bool
  private var versions: [ObjectKey: String] = [:]
  /// What the last line of each object said, its age apart: a change that the columns do not show is no news.
  private var shown: [ObjectKey: [String]] = [:]

  init(printer: ObjectPrinter) {
    self.printer = printer
    self.view = TableView(isWide: printer.format == .wide, showsNamespace: printer.showsNamespace)
    self.hasHeader = !printer.hasHeader
  }

  var isEmpty: Bool { versions.isEmpty }

  mutating func takePage(_ page: JSONValue) throws {
    switch printer.format {
    case .table, .wide:
      let rows = view.rows(of: page)
      for row in rows { table.widen(for: row.cells) }
      for row in rows { try print(row) }
    case .yaml, .json, .name:
      for item in page["items"]?.array ?? [] { try print(item) }
    }
  }

  /// - Returns: the version up to which all is known.
  mutating func take(_ event: WatchEvent<JSONValue>) throws -> String? {
    switch event {
    case .bookmark(let version): return version
    case .added(let object), .modified(let object): return try printChange(object, isDeletion: false)
    case .deleted(let object): return try printChange(object, isDeletion: true)
    }
  }

  private mutating func printChange(_ object: JSONValue, isDeletion: Bool) throws -> String? {
    guard object["kind"]?.string == "Table" else {
      try print(object)
      return object["metadata"]?["resourceVersion"]?.string
    }
    var version: String?
    for row in view.rows(of: object) {
      let key = ObjectKey(namespace: row.namespace, name: row.name)
      // That it is gone is news, whatever its last line said.
      if isDeletion { shown[key] = nil }
      try print(row)
      version = row.resourceVersion.isEmpty ? version : row.resourceVersion
      if isDeletion {
        versions[key] = nil
        shown[key] = nil
      }
    }
    return version ?? object["metadata"]?["resourceVersion"]?.string
  }

  private mutating func print(_ row: TableView.Row) throws {
    let key = ObjectKey(namespace: row.namespace, name: row.name)
    guard isNew(key, row.resourceVersion) else { return }
    let news = zip(view.header, row.cells).filter { $0.0 != "AGE" }.map(\.1)
    guard shown.updateValue(news, forKey: key) != news else { return }
    if !hasHeader {
      hasHeader = true
      table.widen(for: view.header)
      try printer.console.write(table.line(view.header) + "\n")
    }
    table.widen(for: row.cells)
    try printer.console.write(table.line(row.cells) + "\n")
  }

  private mutating func print(_ object: JSONValue) throws {
    let metadata = object["metadata"]
    let key = ObjectKey(namespace: metadata?["namespace"]?.string ?? "", name: metadata?["name"]?.string ?? "")
    guard isNew(key, metadata?["resourceVersion"]?.string ?? "") else { return }
    try printer.console.write(printer.text(object))
  }

  private mutating func isNew(_ key: ObjectKey, _ version: String) -> Bool {
    versions.updateValue(version, forKey: key) != version || version.isEmpty
  }
}
