public import ArgumentParser

/// `migrate` of a server program.
public struct MigrateCommand<Program: ServerProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "migrate", abstract: "Bring the database to the schema this version needs; serve does so too.")
  }

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    try await data.withDatabase { _ in StandardOutput.write(line: "the database is up to date") }
  }
}
