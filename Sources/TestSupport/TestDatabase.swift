public import Testing

/// The databases that stores are tested over: the arguments of a conformance suite, which carries `.postgreSQLServer`.
public enum TestDatabase: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case sqlite = "SQLite"
  case postgresql = "PostgreSQL"

  public var testDescription: String { rawValue }

  /// Both, or SQLite alone on a machine without PostgreSQL where not every suite is demanded.
  public static var available: [TestDatabase] {
    PostgreSQLServer.installedBinaries != nil || Testbed.demandsEverySuite ? allCases : [.sqlite]
  }

  /// A new, empty database; a file goes with the last reference to this value.
  public struct Instance: Sendable {
    public let url: String
    let folder: TemporaryFolder?
  }

  public func create() async throws -> Instance {
    switch self {
    case .sqlite:
      let folder = try TemporaryFolder()
      return Instance(url: "sqlite:\(folder.file("test.db"))", folder: folder)
    case .postgresql: return Instance(url: try await PostgreSQLServer.current.createDatabase(), folder: nil)
    }
  }
}
