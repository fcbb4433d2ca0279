import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// A Backend over one database that can be killed and started again under the same URL.
final class BackendProcess: Sendable {
  let databaseURL: String
  let port: Int
  private let running: Mutex<RunningProgram>

  init(_ databaseURL: String) async throws {
    self.databaseURL = databaseURL
    let program = try await Self.serve(databaseURL, port: 0)
    port = try await CustomerEnvironment.port(of: program)
    running = Mutex(program)
  }

  var url: String { "http://127.0.0.1:\(port)" }

  var program: RunningProgram { running.withLock { $0 } }

  /// Starts the Backend anew, after it ended.
  /// - Throws: where it does not serve.
  func start() async throws {
    let program = try await Self.serve(databaseURL, port: port)
    running.withLock { $0 = program }
    _ = try await CustomerEnvironment.port(of: program)
  }

  func client(_ token: String, _ http: HTTPClient) -> ResourceClient {
    ResourceClient(endpoint: APIEndpoint(url, token: .fixed(token)), http: http)
  }

  /// Runs `wrktalk-backend` with these arguments beside the server and returns what it prints.
  @discardableResult
  func command(_ arguments: String...) async throws -> [String] {
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: arguments, environment: ["WRKTALK_DATABASE_URL": databaseURL])
    guard case .exited(code: 0) = await program.termination() else {
      throw ProgramError(description: "\(arguments) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.filter { !$0.isEmpty }
  }

  /// Makes a token and returns it.
  func createToken(_ name: String, role: String = "admin") async throws -> String {
    try await command("token", "create", "--role", role, "--name", name).last ?? ""
  }

  private static func serve(_ databaseURL: String, port: Int) async throws -> RunningProgram {
    try await RunningProgram.start(
      Testbed.program("wrktalk-backend"),
      arguments: ["serve", "--listen", "127.0.0.1:\(port)", "--requests-per-second", "100000"],
      environment: ["WRKTALK_DATABASE_URL": databaseURL])
  }
}
