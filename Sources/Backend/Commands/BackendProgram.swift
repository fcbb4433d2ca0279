import Access
import Accounts
import ArgumentParser
import Audit
import Database
import ResourceModel
import ServerPrograms
import Timing
import WireFormats

/// What the commands that all servers have need to know of the Backend.
enum BackendProgram: AccountProgram {
  typealias Scope = AgentScope

  static let commandName = "wrktalk-backend"
  static let pageName = "the Control Tower"
  static let databaseFile = "wrktalk.db"
  static var migrations: [Migration] { BackendMigrations.all }
  static var policy: AccessPolicy { BackendAccess.policy }
  static var accountRules: AccountRules { BackendAccess.accounts }

  static func audit(_ change: TokenChange, in connection: any SQLConnection) throws {
    try AuditLedger(now: SystemTime.now).record([CommandActor.current.entry(change)], in: connection)
  }
}

/// What the token of an Agent is bound to.
struct AgentScope: TokenScope {
  static let tenantTitle = "NAMESPACE"

  @Option(help: "The namespace whose records an Agent's token is for: the Agent's WRKTALK_AGENT_KUBE_NAMESPACE.")
  var namespace: String?

  @Option(help: "The Lease that an Agent's token may hold; \(AgentBinding.standardLease) where it is not given.")
  var lease: String?

  var tenant: String? { namespace }

  var bindings: [String: String] {
    namespace == nil ? [:] : [AgentBinding.leaseName: lease ?? AgentBinding.standardLease]
  }

  func validate(for role: Role) throws {
    if role == .agent {
      guard let namespace else {
        throw ValidationError("an Agent's token is bound to the namespace of its records: add --namespace NAMESPACE")
      }
      try Self.check(namespace, NameRules.labelProblems, "--namespace")
      try Self.check(lease ?? AgentBinding.standardLease, NameRules.subdomainProblems, "--lease")
    } else if namespace != nil || lease != nil {
      throw ValidationError("--namespace and --lease are for --role agent")
    }
  }

  private static func check(_ name: String, _ problems: (String) -> [String], _ option: String) throws {
    guard let problem = problems(name).first else { return }
    throw ValidationError("\(option) \"\(name)\": \(problem)")
  }

  /// Tokens of earlier versions are good for every namespace.
  static func warning(_ tokens: [TokenRecord]) -> String? {
    let names = tokens.filter { $0.roles.contains(.agent) && $0.tenant == nil }.map(\.name)
    if names.isEmpty { return nil }
    return
      "warning: with \(names.joined(separator: ", ")) an Agent may read everything, and report and hold Leases in every "
      + "namespace. Make a token that is bound to one (wrktalk-backend token create --role agent --namespace NAMESPACE), give "
      + "it to the Agent and revoke the old one"
  }
}
