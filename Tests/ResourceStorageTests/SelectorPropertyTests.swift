import Database
import Logging
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// Whatever is stored and asked for: the database finds what a look at every object finds.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct SelectorPropertyTests {
  private static let kind = ResourceDefinition(
    names: StorageFixture.widgets.names, table: StorageFixture.widgets.table, schema: .any(),
    selectableFields: ["spec.a", "spec.b.c", "reason", "metadata.uid"])

  /// Also texts that are equal though their bytes are not, what is no text, and what looks like something else.
  private static let values: [JSONValue?] = [
    nil, .null, "", "a", "A", "true", true, false, "1", 1, 0, 1.5, "1.5", 5, "5", 5.0, ["x"], "[\"x\"]", ["k": "v"],
    [:],
    "\u{E9}", "e\u{301}", "K", "\u{212A}", "a\u{0}b", "'; --", "\\\"",
  ]
  private static let words = ["a", "b", "", "web", "o'c"]
  private static let keys = ["app", "deploy.wrktalk.com/tier", "it's"]

  private static func object(_ name: String, _ random: inout SeededGenerator) -> JSONValue {
    var labels: [String: String] = [:]
    for key in keys where Bool.random(using: &random) { labels[key] = words.randomElement(using: &random) }
    let namespace = ["", "default", "other"].randomElement(using: &random) ?? ""
    var object = StorageFixture.object(name, namespace: namespace, labels: labels)
    object["spec"] = [:]
    object["spec"]?["a"] = values.randomElement(using: &random) ?? nil
    object["spec"]?["b"] =
      Bool.random(using: &random)
      ? ["c": (values.randomElement(using: &random) ?? nil) ?? .null] : values.randomElement(using: &random) ?? nil
    object["reason"] = values.randomElement(using: &random) ?? nil
    return object
  }

  private static func selector(_ names: [String], _ random: inout SeededGenerator) -> ObjectSelector {
    var selector = ObjectSelector()
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let key = keys.randomElement(using: &random) ?? ""
      let value = words.randomElement(using: &random) ?? ""
      let set = Set(words.filter { _ in Bool.random(using: &random) })
      let requirements: [ObjectSelector.LabelRequirement] = [
        .equals(key: key, value: value), .notEquals(key: key, value: value), .isIn(key: key, values: set),
        .isNotIn(key: key, values: set), .exists(key: key), .doesNotExist(key: key),
      ]
      selector.labels += requirements.randomElement(using: &random).map { [$0] } ?? []
    }
    let texts = ["", "a", "true", "false", "1", "0", "1.5", "5", "[\"x\"]", "\u{E9}", "K", "\u{212A}", "'; --", "\\\""]
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let paths = kind.selectableFields + ["metadata.name", "metadata.namespace", "spec.undeclared"]
      let path = paths.randomElement(using: &random) ?? ""
      let candidates =
        path == "metadata.name" ? names : path == "metadata.namespace" ? ["", "default", "other"] : texts
      let value = candidates.randomElement(using: &random) ?? ""
      selector.fields.append(
        Bool.random(using: &random) ? .equals(path: path, value: value) : .notEquals(path: path, value: value))
    }
    return selector
  }

  private func store(_ fixture: StorageFixture) -> SQLResourceStore {
    SQLResourceStore(database: fixture.database, definitions: [Self.kind], options: StorageFixture.options())
  }

  private func list(
    _ store: SQLResourceStore, _ query: ListQuery, betweenPages: () async throws -> Void = {}
  ) async throws -> [StoredObject] {
    var query = query
    var items: [StoredObject] = []
    repeat {
      let page = try await store.list(Self.kind, query)
      items += page.items
      query.continueToken = page.continueToken
      if query.continueToken != nil { try await betweenPages() }
    } while query.continueToken != nil
    return items
  }

  @Test(arguments: TestDatabase.available)
  func theDatabaseFindsWhatALookAtEveryObjectFinds(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      var random = SeededGenerator(seed: 7)
      let store = store(fixture)
      let names = (0..<120).map { "n\($0)" }
      for (number, name) in names.enumerated() {
        // Some by a version of the program that knew of no fields to select by.
        let older = number.isMultiple(of: 7)
        _ = try await (older ? fixture.store : store).write(
          older ? StorageFixture.widgets : Self.kind, .create(object: Self.object(name, &random)))
      }
      let all = try await list(store, ListQuery())
      #expect(all.count == names.count)
      for _ in 0..<120 {
        let selector = Self.selector(names, &random)
        let expected = try all.filter { selector.matches(try $0.value()) }
        let limit = [3, 40, 500].randomElement(using: &random)
        #expect(try await list(store, ListQuery(selector: selector, limit: limit)) == expected, "\(selector)")
      }
      store.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func laterPagesShowWhatTheFirstFoundWhateverChangesMeanwhile(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      var random = SeededGenerator(seed: 11)
      let store = store(fixture)
      let names = (0..<40).map { "n\(10 + $0)" }
      func change() async throws {
        let name = names.randomElement(using: &random) ?? ""
        let object = Self.object(name, &random)
        let found = try await store.list(
          Self.kind, ListQuery(selector: ObjectSelector(fields: [.equals(path: "metadata.name", value: name)])))
        guard let now = found.items.first else {
          _ = try await store.write(Self.kind, .create(object: object))
          return
        }
        var moved = object
        moved["metadata"]?["namespace"] = .string(now.key.namespace)
        moved["metadata"]?["uid"] = .string(now.uid)
        let write: ObjectWrite =
          Bool.random(using: &random)
          ? .update(object: moved, expected: now.revision) : .remove(key: now.key, expected: now.revision)
        _ = try await store.write(Self.kind, write)
      }
      for name in names { _ = try await store.write(Self.kind, .create(object: Self.object(name, &random))) }
      for _ in 0..<25 {
        let selector = Self.selector(names, &random)
        let expected = try await list(store, ListQuery(selector: selector))
        let listed = try await list(store, ListQuery(selector: selector, limit: 3)) {
          for _ in 1...3 { try await change() }
        }
        #expect(listed == expected, "\(selector)")
        try await change()
      }
      store.close()
    }
  }

  // MARK: Columns

  private static func release(_ number: Int, _ random: inout SeededGenerator) -> JSONValue {
    var labels: [String: String] = [:]
    for key in keys where Bool.random(using: &random) { labels[key] = words.randomElement(using: &random) }
    var object = ColumnFixture.release("1.\(100 + number).0", number: number, labels: labels)
    let notes: [JSONValue?] = [nil, "", "a", "A", "K", "\u{E9}"]
    let (flags, numbers): ([JSONValue?], [JSONValue?]) = ([nil, true, false], [nil, 0, 1, 5])
    object["spec"]?["note"] = notes.randomElement(using: &random) ?? nil
    object["spec"]?["isForced"] = flags.randomElement(using: &random) ?? nil
    object["spec"]?["retries"] = numbers.randomElement(using: &random) ?? nil
    object["status"] = ["phase": .string(["Draft", "Published", "InProgress"].randomElement(using: &random) ?? "")]
    return object
  }

  @Test(arguments: TestDatabase.available)
  func columnsFindWhatALookAtEveryObjectFinds(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      var random = SeededGenerator(seed: 13)
      for number in 0..<60 {
        _ = try await fixture.store.write(
          ColumnFixture.releases, .create(object: Self.release(number, &random)))
      }
      try await fixture.execute("INSERT INTO gcc_release (version) VALUES ('0.0.1'), ('0.0.2')")
      let all = try await fixture.list()
      let texts = ["", "a", "K", "\u{E9}", "true", "false", "0", "1", "5", "05", "Draft", "draft", "Published", "None"]
      for _ in 0..<120 {
        var selector = ObjectSelector()
        if Bool.random(using: &random) { selector.labels = Self.selector([], &random).labels }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
          let path = ColumnFixture.releases.selectableFields.randomElement(using: &random) ?? ""
          let value = texts.randomElement(using: &random) ?? ""
          selector.fields.append(
            Bool.random(using: &random) ? .equals(path: path, value: value) : .notEquals(path: path, value: value))
        }
        let expected = try all.filter { selector.matches(try $0.value()) }
        let limit = [3, 500].randomElement(using: &random)
        let query = ListQuery(selector: selector, limit: limit)
        #expect(try await fixture.list(ColumnFixture.releases, query) == expected, "\(selector)")
      }
    }
  }

  /// What has a column and what has none, in any shape.
  @Test func anyObjectSurvivesItsRow() throws {
    var random = SeededGenerator(seed: 17)
    func tree(_ depth: Int) -> JSONValue {
      switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
      case 0: .string(["", "a", "\"\\\n", "ü"].randomElement(using: &random) ?? "")
      case 1: .integer(Int64.random(in: -3...3, using: &random))
      case 2: .bool(Bool.random(using: &random))
      case 3: .number(0.5)
      case 4: .null
      case 5: .array((0..<Int.random(in: 0...2, using: &random)).map { _ in tree(depth - 1) })
      default:
        .object(
          Dictionary(
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
              (["a", "b", "x", "y"].randomElement(using: &random) ?? "", tree(depth - 1))
            }
          ) { first, _ in first })
      }
    }
    for dialect in [SQLDialect.postgresql, .sqlite] {
      let table = ColumnObjectTable(ColumnFixture.releases, ColumnFixture.releaseMapping, dialect)
      for number in 0..<500 {
        var object = Self.release(number, &random)
        object["spec"]?["isForced"] = .bool(Bool.random(using: &random))
        object["spec"]?["settings"] = tree(2)
        if object["spec"]?["settings"]?.isNull == true { object["spec"]?["settings"] = nil }
        object["spec"]?["more"] = tree(3)
        object["status"]?["conditions"] = tree(2)
        object["data"] = tree(2)
        object["metadata"]?["annotations"] = tree(1)
        let kept = try table.prepare(object).object
        #expect(kept == object, "\(kept.text) from \(object.text)")
      }
    }
  }
}
