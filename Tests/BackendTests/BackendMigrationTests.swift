import Access
import CoreKinds
import Database
import DeploymentKinds
import FoundationEssentials
import Logging
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// Databases that a Backend has filled which numbered its migrations in one list: two objects, one of them changed twice and one
/// that is being deleted, a third that is gone, two Events, a Lease, two tokens and a setting. `Fixtures` holds what they
/// were, statement by statement.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct BackendMigrationTests {
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func restore(_ kind: TestDatabase) async throws -> (any Database, TestDatabase.Instance) {
    let file = "\(Testbed.repository)/Tests/BackendTests/Fixtures/numbered-migrations.\(kind.rawValue.lowercased()).sql"
    let text = String(decoding: try #require(FileManager.default.contents(atPath: file)), as: UTF8.self)
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    try await database.transaction(.write) { connection in
      for statement in text.split(separator: "\n--\n") { try connection.execute(String(statement)) }
    }
    return (database, instance)
  }

  @Test(arguments: TestDatabase.available)
  func nothingOfADatabaseWithNumberedMigrationsIsLost(_ kind: TestDatabase) async throws {
    let (database, instance) = try await restore(kind)
    try await Migrator(BackendMigrations.all, logger: Self.logger, now: { "2027-01-01T00:00:00Z" }).migrate(database)
    let store = SQLResourceStore(
      database: database, definitions: BackendKinds.definitions, options: StoreOptions(now: { Timestamp(seconds: 0) }),
      logger: Self.logger)
    let deployments = DesiredDeploymentKind.definition
    let listed = try await store.list(deployments, ListQuery())
    #expect(listed.items.map(\.key.description) == ["wrktalk/first", "wrktalk/second"])
    let first = try #require(try listed.items.first?.value())
    #expect(first["spec"]?["version"]?.string == "2.3.1")
    #expect(first["status"]?["observedGeneration"]?.integer == 2)
    #expect(first["metadata"]?["annotations"]?["note"]?.string == "kept \"quoted\" ü")
    #expect(first["metadata"]?["resourceVersion"]?.string == (listed.items.first?.revision).map(String.init))
    #expect(try listed.items[1].value()["metadata"]?["deletionTimestamp"] != nil)
    let staging = ObjectSelector(labels: [.equals(key: "tier", value: "staging")])
    #expect(try await store.list(deployments, ListQuery(selector: staging)).items.map(\.key.name) == ["second"])
    let failed = ObjectSelector(fields: [.equals(path: "involvedObject.name", value: "second")])
    #expect(try await store.list(Event.definition, ListQuery(selector: failed)).items.map(\.key.name) == ["second.1"])
    #expect(try await store.list(LeaseKind.definition, ListQuery()).items.count == 1)
    #expect(try await store.list(NamespaceKind.definition, ListQuery()).items.count >= 1)

    // Watches go on from before.
    let created = try #require(listed.items.map(\.revision).min()) - 5
    let watch = try await store.watch(deployments, namespace: nil, selector: .everything, after: created)
    var kinds: [ObjectChange.Kind] = []
    for try await change in watch where change.kind != .bookmark {
      kinds.append(change.kind)
      if kinds.count == 7 { break }
    }
    #expect(kinds == [.added, .added, .added, .modified, .modified, .deleted, .modified])

    let tokens = try await TokenStore(database: database).all()
    #expect(tokens.map(\.name) == ["admin", "agent"])
    #expect(tokens.map(\.identity.roleText) == ["admin", "agent"])
    #expect(
      tokens.last.flatMap { AgentBinding($0.identity) } == AgentBinding(namespace: "wrktalk", lease: "wrktalk-agent"))
    let setting = try await database.transaction(.read) { try $0.query("SELECT key, value FROM non_essential_env") }
    #expect(setting.map { $0.values } == [[.text("FEATURE"), .text("on")]])
    store.close()
    await database.close()
    withExtendedLifetime(instance) {}
  }

  @Test(arguments: TestDatabase.available)
  func aDatabaseIsMigratedOnce(_ kind: TestDatabase) async throws {
    let (database, instance) = try await restore(kind)
    let migrator = Migrator(BackendMigrations.all, logger: Self.logger, now: { "2027-01-01T00:00:00Z" })
    try await migrator.migrate(database)
    #expect(try await migrator.migrate(database).isEmpty)
    await database.close()
    withExtendedLifetime(instance) {}
  }

  /// Whoever alters one of them leaves every database behind that has it.
  @Test func releasedMigrationsNeverChange() {
    let released: [String: [String]] = [
      "store": ["resource change log", "bounded change log, epochs"],
      "access": ["api tokens", "last use of tokens", "namespaces of agents' tokens"],
      "backend": ["non-essential settings", "times of settings"],
    ]
    for (owner, names) in released {
      #expect(BackendMigrations.all.filter { $0.owner == owner }.map(\.name).prefix(names.count) == names[...])
    }
  }
}
