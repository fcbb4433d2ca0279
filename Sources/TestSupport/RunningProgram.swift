import Subprocess
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// A program that runs beside a test: its output can be waited for, and it can be stopped or killed at any moment. It
/// does not outlive its last reference by intent: every test ends it with `stop()` or `kill()`.
public final class RunningProgram: Sendable {
  /// How a program ended.
  public enum Ending: Sendable, Equatable {
    case exited(code: Int)
    case killed(signal: Int)

    init(_ status: TerminationStatus) {
      self =
        switch status {
        case .exited(let code): .exited(code: Int(code))
        case .signaled(let signal): .killed(signal: Int(signal))
        }
    }
  }

  private struct State {
    var lines: [String] = []
    var status: Ending?
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter = 0
  }

  public let name: String
  public let processIdentifier: Int32
  private let state: Mutex<State>

  private init(name: String, processIdentifier: Int32, state: consuming Mutex<State>) {
    self.name = name
    self.processIdentifier = processIdentifier
    self.state = state
  }

  /// Starts the program at `path` with exactly this environment (and `PATH` and `HOME` of the test).
  public static func start(
    _ path: String, arguments: [String] = [], environment: [String: String] = [:], workingDirectory: String? = nil
  ) async throws -> RunningProgram {
    var variables: [Environment.Key: String] = [:]
    for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
      if let value = Testbed.variable(name) { variables[.init(stringLiteral: name)] = value }
    }
    for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
    let configuration = Configuration(
      executable: .path(FilePath(path)), arguments: Arguments(arguments), environment: .custom(variables),
      workingDirectory: workingDirectory.map { FilePath($0) })
    let name = String(path.split(separator: "/").last ?? "")
    let (started, announce) = AsyncThrowingStream<RunningProgram, any Error>.makeStream()
    Task {
      do {
        let result = try await run(configuration, input: .none, output: .sequence, error: .combinedWithOutput) {
          execution in
          let program = RunningProgram(
            name: name, processIdentifier: execution.processIdentifier.value, state: Mutex(State()))
          announce.yield(program)
          for try await line in execution.standardOutput.strings() { program.append(line) }
          return program
        }
        result.closureResult.end(Ending(result.terminationStatus))
        announce.finish()
      } catch {
        announce.finish(throwing: error)
      }
    }
    for try await program in started { return program }
    throw ProgramError(description: "\(name) did not start")
  }

  /// Every line printed so far, of standard output and standard error together.
  public var output: [String] { state.withLock { $0.lines } }

  /// The first line, printed already or still to come, that contains `text`.
  /// - Throws: `ProgramError` with all output where the program ends without such a line.
  @discardableResult
  public func line(containing text: String) async throws -> String {
    while true {
      let (found, ended, seen) = state.withLock { state in
        (state.lines.first { $0.contains(text) }, state.status != nil, state.lines.count)
      }
      if let found { return found }
      if ended {
        throw ProgramError(description: "\(name) ended without «\(text)»:\n\(output.joined(separator: "\n"))")
      }
      await changed(since: seen)
      try Task.checkCancellation()
    }
  }

  /// Ends the program as a crash would: SIGKILL, nothing is cleaned up. Returns once it is gone.
  public func kill() async {
    signal(SIGKILL)
    _ = await termination()
  }

  /// Asks the program to end (SIGTERM) and returns how it did.
  @discardableResult
  public func stop() async -> Ending {
    signal(SIGTERM)
    return await termination()
  }

  /// How the program ended, once it has.
  public func termination() async -> Ending {
    while true {
      let (status, seen) = state.withLock { ($0.status, $0.lines.count) }
      if let status { return status }
      await changed(since: seen)
    }
  }

  /// Sends a signal to the program alone.
  public func signal(_ number: Int32) {
    if state.withLock({ $0.status == nil }) { _ = Glibc.kill(processIdentifier, number) }
  }

  private func append(_ line: String) {
    wake { $0.lines.append(line.last == "\n" ? String(line.dropLast()) : line) }
  }

  private func end(_ status: Ending) { wake { $0.status = status } }

  private func wake(_ change: (inout State) -> Void) {
    let waiting = state.withLock { state in
      change(&state)
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Returns at the next line or at the program's end, or at once where there was one since `count` lines were seen.
  private func changed(since count: Int) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isStale = state.withLock { state in
          if state.lines.count != count || state.status != nil || Task.isCancelled { return true }
          state.waiting[number] = continuation
          return false
        }
        if isStale { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }
  }
}

/// What went wrong with a program, its output included.
public struct ProgramError: Error, CustomStringConvertible {
  public var description: String

  public init(description: String) { self.description = description }
}
