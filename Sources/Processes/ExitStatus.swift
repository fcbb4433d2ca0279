/// How a child process ended.
public enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
  case exited(code: Int32)
  case killed(signal: Int32)

  public var isSuccess: Bool { self == .exited(code: 0) }

  public var description: String {
    switch self {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal): "killed by signal \(signal)"
    }
  }
}
