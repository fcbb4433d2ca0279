import Synchronization
import TestSupport

/// One of the server programs, which can be killed and started again under the same URL.
final class ServerProcess: Sendable {
  let port: Int
  private let name: String
  private let arguments: [String]
  private let environment: Mutex<[String: String]>
  private let running: Mutex<RunningProgram>
  private let earlier = Mutex<[String]>([])

  /// - Parameter arguments: of `serve`, without `--listen`.
  init(_ name: String, arguments: [String] = [], environment: [String: String]) async throws {
    (self.name, self.arguments) = (name, arguments)
    self.environment = Mutex(environment)
    let program = try await Self.serve(name, arguments, environment, port: 0)
    port = try await CustomerEnvironment.port(of: program)
    running = Mutex(program)
  }

  var url: String { "http://127.0.0.1:\(port)" }
  var program: RunningProgram { running.withLock { $0 } }
  /// What all its processes have printed.
  var output: [String] { earlier.withLock { $0 } + program.output }

  /// Starts the program anew, after it ended.
  /// - Parameter settings: variables that replace those of before.
  func start(_ settings: [String: String] = [:]) async throws {
    let variables = environment.withLock { environment in
      environment.merge(settings) { $1 }
      return environment
    }
    let former = program.output
    earlier.withLock { $0 += former }
    let program = try await Self.serve(name, arguments, variables, port: port)
    running.withLock { $0 = program }
    _ = try await CustomerEnvironment.port(of: program)
  }

  func kill() async { await program.kill() }

  /// Runs the program with other arguments beside the server and returns what it prints.
  func command(_ words: String...) async throws -> [String] {
    let program = try await RunningProgram.start(
      Testbed.program(name), arguments: words + arguments, environment: environment.withLock { $0 })
    guard case .exited(code: 0) = await program.termination() else {
      throw ProgramError(description: "\(name) \(words) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.filter { !$0.isEmpty }
  }

  /// Makes a token or key: what is said of it beside it has spaces.
  func secret(_ words: [String]) async throws -> String {
    let program = try await RunningProgram.start(
      Testbed.program(name), arguments: words + arguments, environment: environment.withLock { $0 })
    guard case .exited(code: 0) = await program.termination(),
      let secret = program.output.last(where: { !$0.isEmpty && !$0.contains(" ") })
    else { throw ProgramError(description: "\(name) \(words): \(program.output.joined(separator: "\n"))") }
    return secret
  }

  private static func serve(
    _ name: String, _ arguments: [String], _ environment: [String: String], port: Int
  ) async throws -> RunningProgram {
    try await RunningProgram.start(
      Testbed.program(name), arguments: ["serve", "--listen", "127.0.0.1:\(port)"] + arguments,
      environment: environment)
  }
}
