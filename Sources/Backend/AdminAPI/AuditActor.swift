import Access
import Audit
import HTTPService
import WireFormats

/// Who does something, as the audit names them.
struct AuditActor: Sendable, Hashable {
  var name: String
  var roles: String
  var address: String

  init(name: String, roles: String = "", address: String = "") {
    self.name = name
    self.roles = roles
    self.address = address
  }

  init(_ caller: Caller, _ context: ServiceContext) {
    self.init(name: caller.identity.name, roles: caller.identity.roleText, address: context.peer ?? "")
  }

  func entry(_ action: String, _ object: String, _ detail: JSONValue = [:]) -> AuditEntry {
    AuditEntry(actor: name, roles: roles, address: address, action: action, object: object, detail: detail)
  }
}
