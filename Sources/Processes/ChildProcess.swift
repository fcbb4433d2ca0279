import Subprocess
public import SystemPackage

/// Runs programs. No process outlives its call: each has its own session, and the end of the call is the end of its group.
public enum ChildProcess {
  /// Runs a program and returns when it has ended.
  ///
  /// - Parameters:
  ///   - executable: A path, or a name to be found in the `PATH` of `environment`.
  ///   - arguments: Visible to every user of the machine: never a secret.
  ///   - environment: All of it; nothing is inherited.
  ///   - standardInput: A file the program reads from, and holds open until it ends, also where it outlives this process;
  ///     nil for an empty one.
  ///   - timeout: Until the program has ended by itself; nil for as long as it takes.
  ///   - terminationGrace: Between SIGTERM and SIGKILL, to the whole process group, after a timeout or a cancellation.
  ///   - outputLimit: Bytes kept of each of the two streams; of more, the end is kept.
  ///   - onOutputLine: Told every line as it comes, in the order of its stream.
  public static func run(
    executable: String, arguments: [String] = [], environment: [String: String], workingDirectory: String? = nil,
    standardInput: FileDescriptor? = nil, timeout: Duration? = nil, terminationGrace: Duration = .seconds(10),
    outputLimit: Int = 256 << 10,
    clock: any Clock<Duration> = ContinuousClock(), onOutputLine: (@Sendable (OutputLine) -> Void)? = nil
  ) async throws(ProcessError) -> ProcessResult {
    let name = executable.split(separator: "/").last.map(String.init) ?? executable
    guard !Task.isCancelled else { throw .cancelled(executable: name) }
    let configuration = try configuration(
      executable: executable, arguments: arguments, environment: environment, workingDirectory: workingDirectory)
    let supervision = ProcessSupervision(
      terminationGrace: terminationGrace, outputLimit: outputLimit, onOutputLine: onOutputLine)

    // A task of its own: cancelling the caller must end the process in order, not stop the reading of its output.
    let running = Task { try await supervision.run(configuration, standardInput: standardInput) }
    let timer = timeout.map { timeout in
      Task {
        try await clock.sleep(for: timeout)
        supervision.stop(.timedOut)
      }
    }
    defer { timer?.cancel() }
    let outcome = await withTaskCancellationHandler {
      await running.result
    } onCancel: {
      supervision.stop(.cancelled)
    }

    switch outcome {
    case .success((let result, nil)):
      return result
    case .success((_, .cancelled)):
      throw .cancelled(executable: name)
    case .success((let result, .timedOut)):
      throw .timedOut(executable: name, limit: timeout ?? .zero, result: result)
    case .failure(let error):
      throw ProcessError(error, executable: executable, name: name, workingDirectory: workingDirectory)
    }
  }

  private static func configuration(
    executable: String, arguments: [String], environment: [String: String], workingDirectory: String?
  ) throws(ProcessError) -> Configuration {
    guard let path = ExecutableSearch.find(executable, path: environment["PATH"] ?? "") else {
      throw .executableNotFound(executable)
    }
    // C strings end at a NUL: the program would get something else than was meant.
    for text in arguments + environment.keys + environment.values where text.utf8.contains(0) {
      throw .cannotStart(executable: path, reason: "an argument or environment variable contains a NUL byte")
    }
    for name in environment.keys where name.isEmpty || name.contains("=") {
      throw .cannotStart(executable: path, reason: "an environment variable's name is empty or contains \"=\"")
    }
    var variables: [Environment.Key: String] = [:]
    for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
    var options = PlatformOptions()
    // Its own process group to signal, and no terminal to ask questions on.
    options.createSession = true
    return Configuration(
      executable: .path(FilePath(path)), arguments: Arguments(arguments), environment: .custom(variables),
      workingDirectory: workingDirectory.map { FilePath($0) }, platformOptions: options)
  }
}

extension ProcessError {
  fileprivate init(_ error: any Error, executable: String, name: String, workingDirectory: String?) {
    guard let error = error as? SubprocessError else {
      self = .outputUnreadable(executable: name, reason: "\(error)")
      return
    }
    let reason = error.underlyingError.map { "\($0)" } ?? error.description
    self =
      switch error.code {
      case .executableNotFound: .executableNotFound(executable)
      case .failedToChangeWorkingDirectory: .workingDirectoryUnusable(workingDirectory ?? ".")
      case .failedToReadFromSubprocess, .asyncIOFailed, .outputLimitExceeded:
        .outputUnreadable(executable: name, reason: reason)
      default: .cannotStart(executable: name, reason: reason)
      }
  }
}
