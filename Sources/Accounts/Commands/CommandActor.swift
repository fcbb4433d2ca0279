import Access
public import Audit
import FoundationEssentials
public import ServerPrograms
import WireFormats

/// Who carries out a command on the server's machine, for the audit.
public enum CommandActor {
  public static var current: AuditActor {
    let user = ProcessInfo.processInfo.userName
    return AuditActor(name: "command line (\(user.isEmpty ? "unknown user" : user))")
  }
}

extension AuditActor {
  /// That a command made or revoked a token.
  public func entry(_ change: TokenChange) -> AuditEntry {
    switch change {
    case .created(let token):
      entry(
        "TokenCreated", token.name,
        [
          "role": .string(token.identity.roleText), "namespace": token.tenant.map { .string($0) } ?? .null,
          "expiresAt": token.expiresAt.map { .string($0.description) } ?? .null,
        ])
    case .revoked(let name): entry("TokenRevoked", name)
    }
  }
}
