public import WireFormats

/// Something that a person or program did and others may have to answer for.
public struct AuditEntry: Sendable, Hashable {
  /// Who did it: the name of an account or token.
  public var actor: String
  /// The actor's roles, as they were then.
  public var roles: String
  /// Where from: the address of the connection; empty where it was the program itself.
  public var address: String
  /// In CamelCase, such as `DeploymentScheduled`.
  public var action: String
  /// What it was done to, such as a deployment's id.
  public var object: String
  /// What was before and is now, reasons given, and what else tells it apart. Never a secret.
  public var detail: JSONValue

  public init(
    actor: String, roles: String = "", address: String = "", action: String, object: String, detail: JSONValue = [:]
  ) {
    self.actor = actor
    self.roles = roles
    self.address = address
    self.action = action
    self.object = object
    self.detail = detail
  }
}
