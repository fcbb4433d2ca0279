/// A named set of rights. Which roles there are, and what each may do, says the program's `AccessPolicy`.
public struct Role: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
  public var rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  public var description: String { rawValue }

  /// Everything.
  public static let admin = Role(rawValue: "admin")
  /// Reads everything.
  public static let viewer = Role(rawValue: "viewer")
}

/// Who a request comes from, once its credentials were checked.
public struct Identity: Sendable, Hashable {
  public var name: String
  /// At least one; what any of them allows is allowed.
  public var roles: [Role]
  /// Whose objects these credentials are for: a namespace at a customer, an organization at the vendor. Nil for the
  /// people of the operator, whose roles alone say what they may do.
  public var tenant: String?
  /// What else the credentials are bound to, by name, such as the Lease that an Agent may hold.
  public var bindings: [String: String]

  public init(name: String, roles: [Role], tenant: String? = nil, bindings: [String: String] = [:]) {
    self.name = name
    self.roles = roles
    self.tenant = tenant
    self.bindings = bindings
  }

  public init(name: String, role: Role, tenant: String? = nil, bindings: [String: String] = [:]) {
    self.init(name: name, roles: [role], tenant: tenant, bindings: bindings)
  }

  /// As messages and logs name the roles.
  public var roleText: String { roles.map(\.rawValue).joined(separator: ",") }
}

/// Turns a bearer token into an identity.
public protocol Authenticator: Sendable {
  /// - Parameter mayLookUp: called before a token that is not known to be valid, or to have been so lately, costs a
  ///   query; what it throws is thrown.
  /// - Returns: nil where the token is unknown, revoked or expired. Takes the same time for every wrong token.
  /// - Throws: where the answer cannot be had now, such as when the database is unreachable.
  func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity?
}
