/// A setting of a program that is missing or wrong. Never holds a value that may be secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// With which a program ends that cannot start for it: `EX_CONFIG` of sysexits.h. To start it again does not make its settings right.
  public static let exitCode: Int32 = 78

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
