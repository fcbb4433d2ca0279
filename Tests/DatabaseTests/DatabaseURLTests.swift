import Testing

@testable import Database

@Suite struct DatabaseURLTests {
  @Test(arguments: [
    ("sqlite:data/wrktalk.db", DatabaseURL.sqlite(path: "data/wrktalk.db")),
    ("sqlite:/var/lib/wrktalk.db", .sqlite(path: "/var/lib/wrktalk.db")),
    ("sqlite:///var/lib/wrktalk.db", .sqlite(path: "/var/lib/wrktalk.db")),
    ("sqlite::memory:", .sqliteInMemory),
    ("postgres://u@h/d", .postgresql("postgres://u@h/d")),
    ("postgresql://u@h:5433/d?sslmode=require", .postgresql("postgresql://u@h:5433/d?sslmode=require")),
  ])
  func schemesChooseTheDatabase(_ text: String, _ expected: DatabaseURL) throws {
    #expect(try DatabaseURL(text) == expected)
  }

  @Test(arguments: [
    "", "mysql://root:s3cret@h/d", "sqlite:", "sqlite://host/path", "postgresql://u:%zzs3cret@h/d",
    "postgresql://u:s3cret@h/d?nonsense=s3cret", "postgresql://u:s3cret@[h/d", "sqlite:a\u{0}b",
    "postgresql://u:a@s3cret@h/d",
  ])
  func aWrongURLIsRefusedWithoutItsPassword(_ text: String) {
    let error = #expect(throws: DatabaseError.self) { try DatabaseURL(text) }
    #expect(error?.code == .invalidURL)
    #expect(error?.message.contains("s3cret") == false)
  }

  @Test(arguments: [
    ("postgresql://user:s3cret@host:5432/name?password=s3cret", "postgresql://host:5432/name"),
    ("postgres://host/name", "postgres://host/name"), ("sqlite:a.db", "sqlite:a.db"),
  ])
  func theDescriptionHoldsNoPassword(_ text: String, _ expected: String) throws {
    #expect(try DatabaseURL(text).description == expected)
  }
}
