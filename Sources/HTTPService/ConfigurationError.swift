/// A setting of the program that is wrong, and what would be right.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(message: String) { self.message = message }

  public var description: String { message }
}
