/// Why there is no answer.
public struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    case invalidRequest
    case couldNotResolve
    case couldNotConnect
    /// All addresses of the host are refused by the client's `AddressPolicy`.
    case addressRefused
    case tls
    case timedOut
    case responseTooLarge
    case connectionLost
    case cancelled
    case fileUnreadable
  }

  public var code: Code
  /// Names the host or socket, never a query string or a header.
  public var message: String

  public init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
