import Access
public import Audit
public import HTTPService
public import WireFormats

/// Who does something, as the audit names them.
public struct AuditActor: Sendable, Hashable {
  public var name: String
  public var roles: String
  public var address: String

  public init(name: String, roles: String = "", address: String = "") {
    self.name = name
    self.roles = roles
    self.address = address
  }

  public init(_ caller: Caller, _ context: ServiceContext) {
    self.init(name: caller.identity.name, roles: caller.identity.roleText, address: context.peer ?? "")
  }

  public func entry(_ action: String, _ object: String, _ detail: JSONValue = [:]) -> AuditEntry {
    AuditEntry(actor: name, roles: roles, address: address, action: action, object: object, detail: detail)
  }
}
