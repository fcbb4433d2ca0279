public import Access
public import ArgumentParser
public import Database

/// What tells one server program from another, for the commands that all of them have.
public protocol ServerProgram: Sendable {
  /// As it is called on the command line.
  static var commandName: String { get }
  /// The file of the embedded database in the data folder.
  static var databaseFile: String { get }
  /// The schema that it needs.
  static var migrations: [Migration] { get }
  /// Its roles, and what each may do.
  static var policy: AccessPolicy { get }
  /// The roles of tokens; by default all there are.
  static var tokenRoles: [RoleDefinition] { get }
  /// Audits that a command made or revoked a token, in the same transaction; by default nothing is.
  static func audit(_ change: TokenChange, in connection: any SQLConnection) throws
  /// What `token create` takes to bind a token to a part of what there is.
  associatedtype Scope: TokenScope
}

extension ServerProgram {
  public static var tokenRoles: [RoleDefinition] { policy.roles }

  public static func audit(_ change: TokenChange, in connection: any SQLConnection) throws {}
}

/// What a command did with a token.
public enum TokenChange: Sendable {
  case created(TokenRecord)
  case revoked(name: String)
}

/// What a token is bound to, as options of `token create`.
public protocol TokenScope: ParsableArguments {
  /// See `Identity.tenant`.
  var tenant: String? { get }
  /// See `Identity.bindings`.
  var bindings: [String: String] { get }
  /// - Throws: `ValidationError` where a token of that role must be bound otherwise.
  func validate(for role: Role) throws
  /// The heading of the tenant in `token list`, such as `NAMESPACE`.
  static var tenantTitle: String { get }
  /// What an administrator should do about tokens that are there; nil where nothing is.
  static func warning(_ tokens: [TokenRecord]) -> String?
}
