import Access
import Accounts
import ArgumentParser
import Audit
import Database
import Outbox
import ResourceModel
import ResourceStorage
import ServerPrograms
import Timing

/// What the commands that all servers have need to know of the vendor's.
enum ControlCenterProgram: AccountProgram {
  typealias Scope = StaffScope

  static let commandName = "wrktalk-gcc"
  static let pageName = "the fleet dashboard"
  static let databaseFile = "gcc.db"
  static var migrations: [Migration] {
    SQLResourceStore.migrations(for: ControlCenterKinds.stored) + FleetTables.migrations + ArtifactTables.migrations
      + Outbox.migrations + FleetTables.outboxMigrations + TokenStore.migrations + IssuedLicense.migrations
      + FleetJobTables.migrations + SearchTables.migrations + BucketTables.migrations + AuditLedger.migrations
      + AccountTables.migrations(owner: "gcc.accounts", roles: accountRules.roles)
  }
  static var policy: AccessPolicy { ControlCenterAccess.policy }
  /// A customer has a key of its organization instead.
  static var tokenRoles: [RoleDefinition] { policy.roles.filter { $0.role != .customer } }
  static var accountRules: AccountRules { ControlCenterAccess.accounts }

  static func audit(_ change: TokenChange, in connection: any SQLConnection) throws {
    try AuditLedger(now: SystemTime.now).record([CommandActor.current.entry(change)], in: connection)
  }
}

/// The tokens of the vendor's own people and programs are bound to nothing; customers have keys instead.
struct StaffScope: TokenScope {
  static let tenantTitle = "ORGANIZATION"

  var tenant: String? { nil }
  var bindings: [String: String] { [:] }

  func validate(for role: Role) throws {
    guard role != .customer else {
      throw ValidationError(
        "a customer's Backend has an API key of its organization: wrktalk-gcc key create ORGANIZATION")
    }
  }

  static func warning(_ tokens: [TokenRecord]) -> String? { nil }
}
