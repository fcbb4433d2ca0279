import Database
import TestSupport
import Testing

/// What both databases promise alike.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct DatabaseConformanceTests {
  /// Runs `body` over a new database with a table `item`.
  private func withDatabase(
    _ kind: TestDatabase, options: DatabaseOptions = DatabaseOptions(),
    _ body: (any Database, _ url: String) async throws -> Void
  ) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url, options: options)
    try await database.transaction(.write) { connection in
      let bytes = connection.dialect == .postgresql ? "bytea" : "blob"
      try connection.execute(
        """
        CREATE TABLE item (
          id bigint PRIMARY KEY, name text UNIQUE, content \(bytes), ratio double precision, flag boolean,
          CHECK (id >= 0))
        """)
    }
    try await body(database, instance.url)
    await database.close()
    withExtendedLifetime(instance) {}
  }

  private func insert(_ id: Int64, _ name: String, into database: any Database) async throws {
    try await database.transaction(.write) { connection in
      _ = try connection.execute("INSERT INTO item (id, name) VALUES ($1, $2)", [.integer(id), .text(name)])
    }
  }

  private func names(in database: any Database) async throws -> [String] {
    try await database.transaction(.read) { connection in
      try connection.query("SELECT name FROM item ORDER BY id").compactMap { $0[0].text }
    }
  }

  @Test(arguments: TestDatabase.available)
  func valuesOfEveryTypeComeBackAsTheyWere(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let text = "ünïcödé 🚢 \u{1}'\"\\ 'x'); DROP TABLE item; --"
      let row = try await database.transaction(.write) { connection in
        let count = try connection.execute(
          "INSERT INTO item (id, name, content, ratio, flag) VALUES ($1, $2, $3, $4, $5)",
          [.integer(.max), .text(text), .blob([0, 1, 255, 92]), .real(0.1), .boolean(true)])
        #expect(count == 1)
        return try connection.query("SELECT id, name, content, ratio, flag FROM item")[0]
      }
      #expect(row["id"] == .integer(.max))
      #expect(row["name"] == .text(text))
      #expect(row["content"] == .blob([0, 1, 255, 92]))
      #expect(row["ratio"] == .real(0.1))
      #expect(row["flag"].boolean == true)
      #expect(row["absent"].isNull)
    }
  }

  @Test(arguments: TestDatabase.available)
  func emptyValuesAreNotNull(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let row = try await database.transaction(.write) { connection in
        try connection.execute(
          "INSERT INTO item (id, name, content, ratio) VALUES ($1, $2, $3, $4)",
          [.integer(0), .text(""), .blob([]), .null])
        return try connection.query("SELECT name, content, ratio FROM item")[0]
      }
      #expect(row.values == [.text(""), .blob([]), .null])
    }
  }

  @Test(arguments: TestDatabase.available)
  func parametersMayBeRepeatedAndInAnyOrder(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let rows = try await database.transaction(.write) { connection in
        try connection.execute("INSERT INTO item (name, id) VALUES ($2, $1)", [.integer(3), .text("c")])
        return try connection.query(
          "SELECT id FROM item WHERE name = $2 AND id = $1 AND id <= $1", [.integer(3), .text("c")])
      }
      #expect(rows.map(\.values) == [[.integer(3)]])
    }
  }

  @Test(arguments: TestDatabase.available)
  func megabytesAreKept(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let bytes = [UInt8](repeating: 0xA5, count: 1_000_000)
      let text = String(repeating: "0123456789abcdeß", count: 50_000)
      try await database.transaction(.write) { connection in
        _ = try connection.execute(
          "INSERT INTO item (id, content, name) VALUES ($1, $2, $3)", [.integer(1), .blob(bytes), .null])
      }
      let (kept, length) = try await database.transaction(.read) { connection in
        (
          try connection.query("SELECT content FROM item")[0][0].blob,
          try connection.query("SELECT length($1)", [.text(text)])[0][0].integer
        )
      }
      #expect(kept == bytes)
      #expect(length == 800_000)
    }
  }

  @Test(arguments: TestDatabase.available)
  func textWithNULIsRefused(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let error = await #expect(throws: DatabaseError.self) { try await insert(1, "a\u{0}b", into: database) }
      #expect(error?.message.contains("NUL") == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aKeyThatIsTakenIsAUniqueViolation(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      try await insert(1, "secret-a", into: database)
      for (id, name) in [(Int64(1), "b"), (2, "secret-a")] {
        let error = await #expect(throws: DatabaseError.self) { try await insert(id, name, into: database) }
        #expect(error?.code == .uniqueViolation)
        #expect(error?.message.contains("secret") == false)
      }
      let error = await #expect(throws: DatabaseError.self) { try await insert(-1, "c", into: database) }
      #expect(error?.code == .constraintViolation)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aTransactionThatThrowsChangesNothing(_ kind: TestDatabase) async throws {
    struct Refused: Error {}
    try await withDatabase(kind) { database, _ in
      await #expect(throws: Refused.self) {
        try await database.transaction(.write) { connection in
          try connection.execute("INSERT INTO item (id) VALUES (1)")
          throw Refused()
        }
      }
      let names = try await names(in: database)
      #expect(names == [])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aFailedStatementEndsTheTransactionEvenIfSwallowed(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      try await insert(1, "a", into: database)
      let error = await #expect(throws: DatabaseError.self) {
        try await database.transaction(.write) { connection in
          try connection.execute("INSERT INTO item (id, name) VALUES (2, 'b')")
          _ = try? connection.execute("INSERT INTO item (id, name) VALUES (1, 'c')")
        }
      }
      #expect(error?.code == .uniqueViolation)
      #expect(try await names(in: database) == ["a"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReadTransactionCannotWrite(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      await #expect(throws: DatabaseError.self) {
        try await database.transaction(.read) { _ = try $0.execute("INSERT INTO item (id) VALUES (1)") }
      }
      try await insert(1, "a", into: database)
    }
  }

  @Test(
    arguments: TestDatabase.available,
    [
      "SELECTED", "SELECT 1; SELECT 2", "SELECT * FROM absent", "INSERT INTO item (id) VALUES (?)",
      "SELECT id FROM item WHERE id = $1",
    ])
  func aWrongStatementIsRefusedByName(_ kind: TestDatabase, _ sql: String) async throws {
    try await withDatabase(kind) { database, _ in
      let error = await #expect(throws: DatabaseError.self) {
        try await database.transaction(.write) { _ = try $0.execute(sql) }
      }
      #expect(error?.code == .other)
      #expect(error?.message.contains(sql) == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func concurrentTransactionsLoseNoUpdate(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      try await insert(0, "counter", into: database)
      try await database.transaction(.write) { _ = try $0.execute("UPDATE item SET ratio = 0") }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 1...200 {
          group.addTask {
            try await database.transaction(.write) { connection in
              _ = try connection.execute("UPDATE item SET ratio = ratio + 1 WHERE id = 0")
            }
          }
        }
        try await group.waitForAll()
      }
      let count = try await database.transaction(.read) { try $0.query("SELECT ratio FROM item")[0][0] }
      #expect(count == .real(200))
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReaderSeesOneSnapshot(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, url in
      let other = try await openDatabase(url)
      let (reads, announce) = AsyncStream.makeStream(of: Void.self)
      let gate = Gate()
      async let counts = database.transaction(.read) { connection in
        let before = try connection.query("SELECT count(*) FROM item")[0][0]
        announce.yield()
        gate.wait()
        return [before, try connection.query("SELECT count(*) FROM item")[0][0]]
      }
      for await _ in reads { break }
      try await insert(1, "a", into: other)
      gate.open()
      #expect(try await counts == [.integer(0), .integer(0)])
      await other.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func notificationsFollowTheCommitOnly(_ kind: TestDatabase) async throws {
    struct Refused: Error {}
    try await withDatabase(kind) { database, _ in
      var received = database.notifications(channel: "changes").makeAsyncIterator()
      // The first, empty one says that listening has begun.
      #expect(await received.next() == "")
      await #expect(throws: Refused.self) {
        try await database.transaction(.write) { connection in
          try connection.notify(channel: "changes", payload: "lost")
          throw Refused()
        }
      }
      try await database.transaction(.write) { try $0.notify(channel: "other", payload: "elsewhere") }
      try await database.transaction(.write) { try $0.notify(channel: "changes", payload: "it's \"17\"") }
      #expect(await received.next() == "it's \"17\"")
    }
  }

  @Test(arguments: TestDatabase.available)
  func closingEndsListenersAndRefusesTransactions(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let stream = database.notifications(channel: "changes")
      await database.close()
      for await _ in stream {}
      let error = await #expect(throws: DatabaseError.self) { try await names(in: database) }
      #expect(error?.code == .connectionLost)
    }
  }

  @Test(arguments: TestDatabase.available)
  func moreStatementsRunThanTheCacheHolds(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database, _ in
      let sum = try await database.transaction(.read) { connection in
        var sum: Int64 = 0
        for number in 1...400 { sum += try connection.query("SELECT \(number) + 0")[0][0].integer ?? 0 }
        return sum
      }
      #expect(sum == 400 * 401 / 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func callersBeyondThePoolWaitTheirTurn(_ kind: TestDatabase) async throws {
    try await withDatabase(kind, options: DatabaseOptions(maximumConnections: 1)) { database, _ in
      let rows = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 1...50 {
          group.addTask { try await database.transaction(.read) { try $0.query("SELECT 1").count } }
        }
        return try await group.reduce(0, +)
      }
      #expect(rows == 50)
    }
  }
}
