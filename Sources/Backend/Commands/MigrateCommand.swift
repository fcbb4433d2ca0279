import ArgumentParser

/// `wrktalk-backend migrate`.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Bring the database to the schema this version needs; serve does so too.")

  @OptionGroup var data: DataOptions

  func run() async throws {
    try await data.withDatabase { _ in StandardOutput.write(line: "the database is up to date") }
  }
}
