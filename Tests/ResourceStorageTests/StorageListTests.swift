import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct StorageListTests {
  @Test(arguments: TestDatabase.available)
  func objectsAreListedByNamespaceAndName(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      for (namespace, name) in [("b", "a"), ("a", "b-1"), ("a", "b"), ("a", "b1"), ("a-b", "a")] {
        try await fixture.create(name, namespace: namespace)
      }
      let all = try await fixture.list().map(\.key.description)
      #expect(all == ["a/b", "a/b-1", "a/b1", "a-b/a", "b/a"])
      let paged = try await fixture.list(ListQuery(limit: 2)).map(\.key.description)
      #expect(paged == all)
      let one = try await fixture.list(ListQuery(namespace: "a", limit: 1)).map(\.key.description)
      #expect(one == ["a/b", "a/b-1", "a/b1"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func pagesCountWhatRemains(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      for number in 1...5 { try await fixture.create("a\(number)") }
      var query = ListQuery(limit: 2)
      var remaining: [Int?] = []
      repeat {
        let page = try await fixture.store.list(StorageFixture.widgets, query)
        remaining.append(page.remainingItemCount)
        query.continueToken = page.continueToken
      } while query.continueToken != nil
      #expect(remaining == [3, 1, nil])
      let selected = try await fixture.store.list(
        StorageFixture.widgets,
        ListQuery(selector: ObjectSelector(labels: [.doesNotExist(key: "x")]), limit: 2))
      #expect(selected.continueToken != nil)
      #expect(selected.remainingItemCount == nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anEmptyListHasARevisionToWatchFrom(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 10))
      #expect(page.items.isEmpty && page.continueToken == nil)
      #expect(page.revision > 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func laterPagesShowTheRevisionOfTheFirst(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      for number in 0..<30 {
        try await fixture.create("n\(10 + number)", labels: ["app": number % 3 == 0 ? "db" : "web"])
      }
      for round in 1...8 {
        let web = ObjectSelector(labels: [.equals(key: "app", value: "web")])
        let selector = round.isMultiple(of: 2) ? web : .everything
        let before = try await fixture.list(ListQuery(selector: selector))
        var query = ListQuery(selector: selector, limit: 4)
        var items: [StoredObject] = []
        var revisions: Set<Int64> = []
        repeat {
          let page = try await fixture.store.list(StorageFixture.widgets, query)
          items += page.items
          query.continueToken = page.continueToken
          revisions.insert(page.revision)
          for _ in 1...3 { try await changeSomething(fixture, size: Int64(round)) }
        } while query.continueToken != nil
        #expect(items == before)
        #expect(revisions.count == 1)
      }
    }
  }

  private func changeSomething(_ fixture: StorageFixture, size: Int64) async throws {
    let name = "n\(Int.random(in: 5..<45))"
    let labels = ["app": Bool.random() ? "db" : "web"]
    let key = ObjectKey(namespace: "default", name: name)
    let exists = try await fixture.store.get(StorageFixture.widgets, key) != nil
    switch (exists, Bool.random()) {
    case (false, _): try await fixture.create(name, labels: labels, size: size)
    case (true, true): try await fixture.replace(name, labels: labels, size: size)
    case (true, false): try await fixture.remove(name)
    }
  }

  private static let selectors: [ObjectSelector] = [
    .everything, ObjectSelector(labels: [.equals(key: "app", value: "web")]),
    ObjectSelector(labels: [.notEquals(key: "app", value: "web")]),
    ObjectSelector(labels: [.isIn(key: "app", values: ["web", "db"])]),
    ObjectSelector(labels: [.isIn(key: "app", values: [])]),
    ObjectSelector(labels: [.isNotIn(key: "app", values: ["web", "db"])]),
    ObjectSelector(labels: [.exists(key: "deploy.wrktalk.com/tier")]),
    ObjectSelector(labels: [.doesNotExist(key: "deploy.wrktalk.com/tier"), .exists(key: "app")]),
    ObjectSelector(fields: [.equals(path: "metadata.name", value: "n3")]),
    ObjectSelector(fields: [.notEquals(path: "metadata.name", value: "n3")]),
    ObjectSelector(fields: [.equals(path: "metadata.namespace", value: "other")]),
    ObjectSelector(labels: [.equals(key: "app", value: "web")], fields: [.equals(path: "spec.size", value: "4")]),
    ObjectSelector(labels: [.exists(key: "a\"b")]),
  ]

  @Test(arguments: TestDatabase.available)
  func selectorsChooseTheSameInTheDatabaseAsInMemory(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      for number in 0..<12 {
        var labels: [String: String] = [:]
        if number % 4 != 0 { labels["app"] = ["web", "db", "cache"][number % 3] }
        if number % 2 == 0 { labels["deploy.wrktalk.com/tier"] = "" }
        try await fixture.create(
          "n\(number)", namespace: number < 9 ? "default" : "other", labels: labels, size: Int64(number))
      }
      let all = try await fixture.list()
      for selector in Self.selectors {
        let expected = try all.filter { selector.matches(try $0.value()) }
        for limit in [1, 3, 100] {
          let listed = try await fixture.list(ListQuery(selector: selector, limit: limit))
          #expect(listed == expected, "\(selector) by \(limit)")
        }
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func aListWhoseRevisionIsNoLongerKeptIsExpired(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database, options: StorageFixture.options(keptChanges: 5)) { fixture in
      for number in 0..<5 { try await fixture.create("n\(number)") }
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 2))
      let token = try #require(page.continueToken)
      for number in 1...20 { try await fixture.replace("n4", size: Int64(number)) }
      await fixture.store.prune()
      let error = await #expect(throws: StatusError.self) {
        try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 2, continueToken: token))
      }
      #expect(error?.reason == .expired)
    }
  }

  @Test(arguments: ["", "nonsense", "djEKMQ==", "////"])
  func aTokenThatIsNoneIsABadRequest(_ token: String) async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      let error = await #expect(throws: StatusError.self) {
        try await fixture.store.list(StorageFixture.widgets, ListQuery(continueToken: token))
      }
      #expect(error?.reason == .badRequest)
    }
  }

  /// As a client may write one that has seen a real one.
  @Test func aTokenThatWasWrittenByHandEndsNothing() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      for name in ["a", "b", "c"] { try await fixture.create(name) }
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 1))
      let token = try ContinueToken(try #require(page.continueToken))
      for remaining in [Int.min, -1] {
        var forged = token
        forged.remaining = remaining
        #expect(await refusal(fixture, StorageFixture.widgets, forged) == .badRequest)
      }
      var huge = token
      huge.remaining = .max
      #expect(await refusal(fixture, StorageFixture.widgets, huge) == nil)
      var split = token
      split.last.name = "a\u{0}"
      #expect(await refusal(fixture, StorageFixture.widgets, split) == .badRequest)
    }
  }

  /// What follows in one list is not the rest of another.
  @Test func aTokenGoesOnWithItsOwnListOnly() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      for name in ["a", "b", "c"] { try await fixture.create(name) }
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 1))
      let token = try ContinueToken(try #require(page.continueToken))
      #expect(await refusal(fixture, StorageFixture.gadgets, token) == .badRequest)
      #expect(await refusal(fixture, StorageFixture.widgets, token, namespace: "default") == .badRequest)
      #expect(await refusal(fixture, StorageFixture.widgets, token) == nil)
    }
  }

  private func refusal(
    _ fixture: StorageFixture, _ kind: ResourceDefinition, _ token: ContinueToken, namespace: String? = nil
  ) async -> StatusError.Reason? {
    do {
      _ = try await fixture.store.list(
        kind, ListQuery(namespace: namespace, limit: 1, continueToken: token.text))
      return nil
    } catch {
      return (error as? StatusError)?.reason
    }
  }

  @Test func aPageIsNeverLongerThanTheServersMaximum() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<510 { group.addTask { try await fixture.create("n\(number)") } }
        try await group.waitForAll()
      }
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery(limit: 100_000))
      #expect(page.items.count == 500)
      #expect(page.remainingItemCount == 10)
    }
  }
}
