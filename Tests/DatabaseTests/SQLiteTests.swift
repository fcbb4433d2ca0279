import Database
import FoundationEssentials
import TestSupport
import Testing

@Suite struct SQLiteTests {
  @Test func aFullDiskHasItsOwnCodeAndNothingIsHalfDone() async throws {
    let folder = try TemporaryFolder()
    let database = try await openDatabase("sqlite:\(folder.file("full.db"))")
    try await database.transaction(.write) { connection in
      try connection.execute("CREATE TABLE item (content blob)")
      _ = try connection.query("PRAGMA max_page_count = 40")
    }
    let error = await #expect(throws: DatabaseError.self) {
      try await database.transaction(.write) { connection in
        for _ in 1...100 {
          try connection.execute("INSERT INTO item VALUES ($1)", [.blob(Array(repeating: 1, count: 4000))])
        }
      }
    }
    #expect(error?.code == .diskFull)
    let count = try await database.transaction(.read) { try $0.query("SELECT count(*) FROM item")[0][0] }
    #expect(count == .integer(0))
    // The connection goes on working.
    try await database.transaction(.write) { _ = try $0.execute("INSERT INTO item VALUES ($1)", [.blob([1])]) }
    await database.close()
  }

  @Test func theFileCanBeReadByItsOwnerOnly() async throws {
    let folder = try TemporaryFolder()
    let database = try await openDatabase("sqlite:\(folder.file("private.db"))")
    try await database.transaction(.write) { _ = try $0.execute("CREATE TABLE item (id bigint)") }
    for name in ["private.db", "private.db-wal", "private.db-shm"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder.file(name))
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
    }
    await database.close()
  }

  @Test func twoProcessesShareAFile() async throws {
    let folder = try TemporaryFolder()
    let url = "sqlite:\(folder.file("shared.db"))"
    let databases = [try await openDatabase(url), try await openDatabase(url)]
    try await databases[0].transaction(.write) { connection in
      try connection.execute("CREATE TABLE counter (count bigint)")
      try connection.execute("INSERT INTO counter VALUES (0)")
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for database in databases {
        for _ in 1...25 {
          group.addTask {
            try await database.transaction(.write) { _ = try $0.execute("UPDATE counter SET count = count + 1") }
          }
        }
      }
      try await group.waitForAll()
    }
    let count = try await databases[1].transaction(.read) { try $0.query("SELECT count FROM counter")[0][0] }
    #expect(count == .integer(50))
    for database in databases { await database.close() }
  }

  @Test func aServerIsRefusedWhateverNameLeadsToTheFile() async throws {
    let folder = try TemporaryFolder()
    let database = try await openDatabase("sqlite:\(folder.file("a.db"))", isServer: true)
    let files = FileManager.default
    try files.createSymbolicLink(atPath: folder.file("link.db"), withDestinationPath: folder.file("a.db"))
    for name in ["link.db", "second.db"] {
      if name == "second.db" { try files.linkItem(atPath: folder.file("a.db"), toPath: folder.file(name)) }
      let error = await #expect(throws: DatabaseError.self) {
        try await openDatabase("sqlite:\(folder.file(name))", isServer: true)
      }
      #expect(error?.code == .cannotConnect)
    }
    await database.close()
  }

  @Test func whatIsInMemoryIsReadByTheConnectionThatWroteIt() async throws {
    let database = try await openDatabase("sqlite::memory:")
    try await database.transaction(.write) { _ = try $0.execute("CREATE TABLE item (id bigint)") }
    let count = try await database.transaction(.read) { try $0.query("SELECT count(*) FROM item")[0][0] }
    #expect(count == .integer(0))
    await #expect(throws: DatabaseError.self) {
      try await database.transaction(.read) { _ = try $0.execute("INSERT INTO item VALUES (1)") }
    }
    await database.close()
  }

  @Test(arguments: ["/nonexistent-folder/a.db", "/tmp"])
  func aFileThatCannotBeOpenedIsNamed(_ path: String) async throws {
    let error = await #expect(throws: DatabaseError.self) { try await openDatabase("sqlite:\(path)") }
    #expect(error?.code == .cannotConnect)
    #expect(error?.message.contains(path) == true)
  }

  @Test func aFileThatIsNoDatabaseIsRefused() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: "no database ", count: 1000), to: "other.txt")
    let error = await #expect(throws: DatabaseError.self) { try await openDatabase("sqlite:\(path)") }
    #expect(error?.code == .cannotConnect)
    #expect(error?.message.contains("not a database") == true)
  }
}
