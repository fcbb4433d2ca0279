import Database
import TestSupport
import Testing

@Suite(.postgreSQLServer, .enabled(if: TestDatabase.available.contains(.postgresql), "needs PostgreSQL"))
struct PostgreSQLTests {
  private func terminateOthers(_ database: any Database) async throws {
    try await database.transaction(.write) { connection in
      _ = try connection.query(
        """
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)
    }
  }

  @Test func aConnectionThatTheServerEndedIsReplaced() async throws {
    let url = try await PostgreSQLServer.current.createDatabase()
    let database = try await openDatabase(url)
    let killer = try await openDatabase(url)
    for _ in 1...3 {
      try await terminateOthers(killer)
      let answer = try await database.transaction(.read) { try $0.query("SELECT 1::bigint")[0][0] }
      #expect(answer == .integer(1))
    }
    await database.close()
    await killer.close()
  }

  @Test func aTransactionWhoseConnectionIsLostRunsAgain() async throws {
    let url = try await PostgreSQLServer.current.createDatabase()
    let database = try await openDatabase(url)
    let killer = try await openDatabase(url)
    try await database.transaction(.write) { _ = try $0.execute("CREATE TABLE item (id bigint)") }
    let (starts, announce) = AsyncStream.makeStream(of: Void.self)
    let gate = Gate()
    async let written: Void = database.transaction(.write) { connection in
      try connection.execute("INSERT INTO item (id) VALUES (1)")
      announce.yield()
      gate.wait()
      try connection.execute("INSERT INTO item (id) VALUES (2)")
    }
    for await _ in starts { break }
    try await terminateOthers(killer)
    gate.open()
    try await written
    let count = try await database.transaction(.read) { try $0.query("SELECT count(*) FROM item")[0][0] }
    #expect(count == .integer(2))
    await database.close()
    await killer.close()
  }

  @Test func aListenerComesBackAfterItsConnectionWasLost() async throws {
    let url = try await PostgreSQLServer.current.createDatabase()
    let database = try await openDatabase(url)
    let killer = try await openDatabase(url)
    var received = database.notifications(channel: "changes").makeAsyncIterator()
    #expect(await received.next() == "")
    try await terminateOthers(killer)
    #expect(await received.next() == "")
    try await killer.transaction(.write) { try $0.notify(channel: "changes", payload: "from elsewhere") }
    #expect(await received.next() == "from elsewhere")
    await database.close()
    await killer.close()
  }

  @Test func listenersOfSeveralChannelsGetTheirOwn() async throws {
    let database = try await openDatabase(try await PostgreSQLServer.current.createDatabase())
    var first = database.notifications(channel: "first").makeAsyncIterator()
    var second = database.notifications(channel: "Second \"channel\"").makeAsyncIterator()
    #expect(await first.next() == "")
    #expect(await second.next() == "")
    try await database.transaction(.write) { connection in
      try connection.notify(channel: "first", payload: "1")
      try connection.notify(channel: "Second \"channel\"", payload: "2")
    }
    #expect(await first.next() == "1")
    #expect(await second.next() == "2")
    await database.close()
  }

  @Test func aDeadlockIsResolvedByRunningOneAgain() async throws {
    let database = try await openDatabase(try await PostgreSQLServer.current.createDatabase())
    try await database.transaction(.write) { connection in
      try connection.execute("CREATE TABLE item (id bigint PRIMARY KEY, count bigint NOT NULL)")
      try connection.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for order in [[1, 2], [2, 1], [1, 2], [2, 1]] {
        group.addTask {
          for _ in 1...5 {
            try await database.transaction(.write) { connection in
              try connection.execute("SET LOCAL deadlock_timeout = 5")
              for id in order {
                try connection.execute("UPDATE item SET count = count + 1 WHERE id = $1", [.integer(Int64(id))])
              }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let counts = try await database.transaction(.read) { try $0.query("SELECT count FROM item").map { $0[0].integer } }
    #expect(counts == [20, 20])
    await database.close()
  }

  @Test(arguments: [
    ("40001", DatabaseError.Code.serializationFailure), ("53100", .diskFull), ("57014", .timedOut),
    ("23514", .constraintViolation), ("XX000", .other),
  ])
  func sqlStatesBecomeCodes(_ state: String, _ code: DatabaseError.Code) async throws {
    let database = try await openDatabase(
      try await PostgreSQLServer.current.createDatabase(), options: DatabaseOptions(maximumAttempts: 2))
    let error = await #expect(throws: DatabaseError.self) {
      try await database.transaction(.write) { connection in
        _ = try connection.execute("DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '\(state)'; END $$")
      }
    }
    #expect(error?.code == code)
    #expect(error?.sqlState == state)
    await database.close()
  }

  @Test func aStatementThatTakesTooLongTimesOut() async throws {
    let database = try await openDatabase(
      try await PostgreSQLServer.current.createDatabase(), options: DatabaseOptions(statementTimeout: .milliseconds(50))
    )
    let error = await #expect(throws: DatabaseError.self) {
      try await database.transaction(.read) { _ = try $0.query("SELECT pg_sleep(60)") }
    }
    #expect(error?.code == .timedOut)
    await database.close()
  }

  @Test func messagesOfDataErrorsHoldNoValue() async throws {
    let database = try await openDatabase(try await PostgreSQLServer.current.createDatabase())
    let error = await #expect(throws: DatabaseError.self) {
      try await database.transaction(.read) { _ = try $0.query("SELECT $1::text::bigint", [.text("hunter2")]) }
    }
    #expect(error?.sqlState == "22P02")
    #expect(error?.message.contains("hunter2") == false)
    await database.close()
  }

  @Test func textGoesIntoTypesThatSQLiteDoesNotKnow() async throws {
    let database = try await openDatabase(try await PostgreSQLServer.current.createDatabase())
    let row = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT $1::jsonb ->> 'a' AS a, $2::timestamptz < now() AS past, sum(x::bigint) AS sum
        FROM generate_series(1, 3) x
        """, [.text(#"{"a": "b"}"#), .text("2020-01-01T00:00:00Z")])[0]
    }
    #expect(row.values == [.text("b"), .boolean(true), .integer(6)])
    await database.close()
  }

  @Test func aWrongPasswordIsRefusedAndNotRepeated() async throws {
    let server = try PostgreSQLServer.current
    let url = "postgresql://wrktalk:a-wrong-secret@127.0.0.1:\(server.port)/postgres"
    let error = await #expect(throws: DatabaseError.self) { try await openDatabase(url) }
    #expect(error?.code == .cannotConnect)
    #expect(error?.message.contains("a-wrong-secret") == false)
  }
}
