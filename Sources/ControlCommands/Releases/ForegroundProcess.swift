import Processes
import SystemPackage
import UnixSignals

#if canImport(Glibc)
  import Glibc
#endif

/// A program that a command runs and waits for. It has a session of its own, where no Ctrl-C of the terminal reaches it: so it
/// is ended, with everything in its group, where the command is interrupted.
enum ForegroundProcess {
  /// Between asking it to end and ending it.
  private static let terminationGrace: Duration = .seconds(2)

  /// - Parameters:
  ///   - title: names the program in a message.
  ///   - hint: what to do where it cannot be run.
  /// - Throws: also where the program did not end in time, or a signal came for this one.
  static func run(
    _ title: String, executable: String, arguments: [String], environment: [String: String],
    workingDirectory: String? = nil, standardInput: FileDescriptor? = nil, timeout: Duration,
    outputLimit: Int = 256 << 10, hint: String? = nil
  ) async throws(CommandFailure) -> ProcessResult {
    let signals = await UnixSignalsSequence(trapping: Self.signals)
    let running = Task {
      try await ChildProcess.run(
        executable: executable, arguments: arguments, environment: environment, workingDirectory: workingDirectory,
        standardInput: standardInput, timeout: timeout, terminationGrace: terminationGrace, outputLimit: outputLimit)
    }
    let interruption = Task {
      for await signal in signals {
        running.cancel()
        return Optional(signal)
      }
      return nil
    }
    let outcome = await running.result
    interruption.cancel()
    if let signal = await interruption.value {
      throw CommandFailure.interruption(by: signal.rawValue)
    }
    switch outcome {
    case .success(let result): return result
    case .failure(let error): throw CommandFailure("\(title) could not be run: \(error)", hint: hint)
    }
  }

  /// Those by which a person, a terminal or a pipeline ends a command. What was started to live through one goes on doing so.
  private static var signals: [UnixSignal] {
    [.sighup, .sigint, .sigterm].filter { signal in
      var action = sigaction()
      return unsafe sigaction(signal.rawValue, nil, &action) != 0 || !isIgnored(action)
    }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
