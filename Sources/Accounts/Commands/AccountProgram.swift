public import ServerPrograms

/// A server program that people sign in at.
public protocol AccountProgram: ServerProgram {
  static var accountRules: AccountRules { get }
  /// What they sign in at, such as `the Control Tower`.
  static var pageName: String { get }
}
