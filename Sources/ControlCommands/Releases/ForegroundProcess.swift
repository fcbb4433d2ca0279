import Processes
import Synchronization
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
    await SignalTrap.shared.begin()
    // Registered before it is started: a signal in between ends it, too.
    let (start, started) = AsyncStream<Void>.makeStream()
    let running = Task {
      for await _ in start {}
      try Task.checkCancellation()
      return try await ChildProcess.run(
        executable: executable, arguments: arguments, environment: environment, workingDirectory: workingDirectory,
        standardInput: standardInput, timeout: timeout, terminationGrace: terminationGrace, outputLimit: outputLimit)
    }
    let program = SignalTrap.shared.add { running.cancel() }
    started.finish()
    let outcome = await running.result
    if let signal = SignalTrap.shared.remove(program) { throw CommandFailure.interruption(by: signal) }
    switch outcome {
    case .success(let result): return result
    case .failure(let error): throw CommandFailure("\(title) could not be run: \(error)", hint: hint)
    }
  }
}

/// Work of this program itself that a person ends with Ctrl-C, and that then says what came of it.
enum InterruptibleTask {
  /// - Parameter body: is cancelled by a signal, and returns soon after.
  static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    await SignalTrap.shared.begin()
    let task = Task { try await body() }
    let entry = SignalTrap.shared.add { task.cancel() }
    defer { _ = SignalTrap.shared.remove(entry) }
    do {
      return try await task.value
    } catch {
      guard let signal = SignalTrap.shared.remove(entry), error is CancellationError else { throw error }
      throw CommandFailure.interruption(by: signal)
    }
  }
}

/// What the signals do by which a person, a terminal or a pipeline ends a command, from the first program that it runs until it
/// ends: they end the programs that run, or, where none does, the command itself, as they do by themselves.
private final class SignalTrap: Sendable {
  static let shared = SignalTrap()

  private struct State {
    var isTrapping = false
    var programs: [Int: @Sendable () -> Void] = [:]
    var next = 0
    var signal: Int32?
  }

  private let state = Mutex(State())

  /// Once for the life of the process: what stands behind a trap does not take its handlers away again.
  func begin() async {
    let isFirst = state.withLock { state in
      defer { state.isTrapping = true }
      return !state.isTrapping
    }
    guard isFirst else { return }
    let signals = await UnixSignalsSequence(trapping: Self.signals)
    Task.detached { for await signal in signals { self.caught(signal.rawValue) } }
  }

  func add(_ end: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.next += 1
      state.programs[state.next] = end
      return state.next
    }
  }

  /// - Returns: the signal that came while the program ran.
  func remove(_ program: Int) -> Int32? {
    state.withLock { state in
      state.programs[program] = nil
      return state.signal
    }
  }

  private func caught(_ signal: Int32) {
    let programs = state.withLock { state in
      if !state.programs.isEmpty { state.signal = signal }
      return Array(state.programs.values)
    }
    if programs.isEmpty { exit(128 + signal) }
    for end in programs { end() }
  }

  /// What was started to live through a signal goes on doing so.
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
