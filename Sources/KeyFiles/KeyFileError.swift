/// Why a key or its passphrase cannot be had. Never holds either.
public struct KeyFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    case failure
    /// The command line is wrong.
    case usage
    /// Ctrl-C at the question for a passphrase.
    case interrupted
  }

  public var message: String
  /// What the user can do.
  public var hint: String?
  public var kind: Kind

  public init(_ message: String, hint: String? = nil, kind: Kind = .failure) {
    self.message = message
    self.hint = hint
    self.kind = kind
  }

  public var description: String { hint.map { "\(message). \($0)" } ?? message }
}
