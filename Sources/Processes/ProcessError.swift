/// Why a child process did not run to its own end. A failing exit code is a result, not an error.
///
/// No message holds the arguments or the environment.
public enum ProcessError: Error, Sendable, Hashable, CustomStringConvertible {
  case executableNotFound(String)
  case workingDirectoryUnusable(String)
  case cannotStart(executable: String, reason: String)
  /// The process and its group were ended; `result` is what it had written until then.
  case timedOut(executable: String, limit: Duration, result: ProcessResult)
  /// The task was cancelled: the process and its group were ended, or never started.
  case cancelled(executable: String)
  case outputUnreadable(executable: String, reason: String)

  public var description: String {
    switch self {
    case .executableNotFound(let name):
      "the program \(name) was not found or may not be run; install it or correct PATH"
    case .workingDirectoryUnusable(let path):
      "the working directory \(path) does not exist or may not be entered"
    case .cannotStart(let executable, let reason):
      "cannot start \(executable): \(reason)"
    case .timedOut(let executable, let limit, let result):
      "\(executable) did not finish within \(limit) and was ended"
        + (result.standardError.lastLine.map { "; it last said: \($0)" } ?? "")
    case .cancelled(let executable):
      "\(executable) was ended because its task was cancelled"
    case .outputUnreadable(let executable, let reason):
      "cannot read the output of \(executable): \(reason)"
    }
  }
}
