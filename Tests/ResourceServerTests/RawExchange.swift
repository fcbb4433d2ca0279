import TestSupport

extension HTTPTestServer {
  /// Sends `request` as it stands over a connection of its own, and returns all that comes until the server closes it, its
  /// lines ended by line feeds alone.
  func rawExchange(_ request: String) async throws -> String {
    let script = "exec 3<>/dev/tcp/127.0.0.1/$1; printf '%s' \"$2\" >&3; cat <&3 | tr -d '\\r'"
    let program = try await RunningProgram.start("/bin/bash", arguments: ["-c", script, "bash", "\(port)", request])
    guard await program.termination() == .exited(code: 0) else {
      throw ProgramError(description: "the exchange failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.map { $0 + "\n" }.joined()
  }
}
