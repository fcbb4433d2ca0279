import ArgumentParser
import ProgramConfiguration

extension ServiceOptions {
  /// Does what `serve` does, and ends the program with `ConfigurationError.exitCode` where its settings are wrong.
  public static func run(_ server: () async throws -> Void) async throws {
    do {
      try await server()
    } catch let error as ConfigurationError {
      StandardError.write(line: "Error: \(error)")
      throw ExitCode(ConfigurationError.exitCode)
    }
  }
}

/// Why a server whose settings were read cannot listen. What stands in the way, such as another program on its port, may go by itself, so that
/// these are not wrong settings.
struct ListeningError: Error, CustomStringConvertible {
  let description: String
}
