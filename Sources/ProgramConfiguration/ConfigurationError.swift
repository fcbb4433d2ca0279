/// A setting of a program that is missing or wrong. Never holds a value that may be secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where the setting stands: the name of a variable of the environment, or a place in a file (`FILE:LINE:COLUMN`); nil
  /// where the message names it.
  public var setting: String?
  /// What is wrong, and what to do.
  public var message: String

  public init(_ message: String, setting: String? = nil) {
    self.setting = setting
    self.message = message
  }

  public var description: String { setting.map { "\($0): \(message)" } ?? message }
}
