/// What a caller may do, from most to least.
public enum Role: String, Sendable, Hashable, Codable, CaseIterable {
  /// Everything.
  case admin
  /// Writes what an Agent reports and holds: status, finalizers, Events and Leases; never a spec. Where its token is bound
  /// to a namespace, it reads and writes there alone; tokens of earlier versions are bound to none, and read everything.
  case agent
  /// Reads everything.
  case viewer
}

/// Who a request comes from, once its credentials were checked.
public struct Identity: Sendable, Hashable {
  public var name: String
  public var role: Role
  /// What an Agent's token is bound to; nil for other roles, and for tokens of earlier versions.
  public var binding: AgentBinding?

  public init(name: String, role: Role, binding: AgentBinding? = nil) {
    self.name = name
    self.role = role
    self.binding = binding
  }
}

/// Turns a bearer token into an identity.
public protocol Authenticator: Sendable {
  /// - Parameter mayLookUp: called before a token that is not known to be valid, or to have been so lately, costs a
  ///   query; what it throws is thrown.
  /// - Returns: nil where the token is unknown, revoked or expired. Takes the same time for every wrong token.
  /// - Throws: where the answer cannot be had now, such as when the database is unreachable.
  func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity?
}
