import ArgumentParser
import ProgramConfiguration

extension ServiceOptions {
  /// `EX_CONFIG` of sysexits.h, as the Agent ends: starting the program again does not make its settings right.
  static let wrongSettingsExitCode: Int32 = 78

  /// Does what `serve` does, and ends the program with exit code 78 where its settings are wrong.
  public static func run(_ server: () async throws -> Void) async throws {
    do {
      try await server()
    } catch let error as ConfigurationError {
      StandardError.write(line: "Error: \(error)")
      throw ExitCode(wrongSettingsExitCode)
    }
  }
}

/// Why a server whose settings were read cannot listen. What stands in the way, such as another program on its port, may go by itself, so that
/// these are not wrong settings.
struct ListeningError: Error, CustomStringConvertible {
  let description: String
}
