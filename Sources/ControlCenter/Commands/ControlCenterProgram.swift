import Access
import ArgumentParser
import Database
import Outbox
import ResourceModel
import ResourceStorage
import ServerPrograms

/// What the commands that all servers have need to know of the vendor's.
enum ControlCenterProgram: ServerProgram {
  typealias Scope = StaffScope

  static let commandName = "wrktalk-gcc"
  static let databaseFile = "gcc.db"
  static var migrations: [Migration] {
    SQLResourceStore.migrations(for: ControlCenterKinds.stored) + FleetTables.migrations + ArtifactTables.migrations
      + Outbox.migrations + FleetTables.outboxMigrations + TokenStore.migrations + IssuedLicense.migrations
  }
  static var policy: AccessPolicy { ControlCenterAccess.policy }
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
