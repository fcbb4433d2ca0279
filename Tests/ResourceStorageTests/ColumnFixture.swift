import Database
import Logging
import ResourceModel
import ResourceStorage
import TestSupport
import WireFormats

/// A store over two tables as a specification has them, with columns in camel case, enum types and times: releases, which
/// lie in no namespace, and targets, which lie in that of their organization.
struct ColumnFixture: Sendable {
  static let releases = definition(
    "Release", "release", "gcc_release", isNamespaced: false,
    selectableFields: ["spec.version", "status.phase", "spec.isForced", "spec.retries", "spec.note"])
  static let targets = definition(
    "Target", "target", "gcc_target", isNamespaced: true, selectableFields: ["status.phase"])

  static let phases = ["draft": "Draft", "published": "Published", "inProgress": "InProgress"]

  static let releaseMapping = ColumnMapping(
    name: "version", uidType: .uuid, updatedAt: "updatedAt",
    columns: [
      .init("releaseNotes", .text, at: "spec.note"),
      .init("status", .enumeration(type: "ReleaseStatus", words: phases), at: "status.phase", whenAbsent: "Draft"),
      .init("isForced", .boolean, at: "spec.isForced", whenAbsent: false),
      .init("retries", .integer, at: "spec.retries"),
      .init("publishedAt", .timestamp(hasTimeZone: true), at: "status.publishedAt"),
      .init("newNonEssentialEnvs", .json, at: "spec.settings"),
    ])

  static let targetMapping = ColumnMapping(
    name: "objectName", namespace: "organizationName", timeType: .timestamp(hasTimeZone: false),
    columns: [
      .init("status", .enumeration(type: nil, words: phases), at: "status.phase", whenAbsent: "Draft"),
      .init("webhookRetries", .integer, at: "status.webhook.retries"),
    ])

  static let kinds: [StoredKind] = [
    .columns(releases, releaseMapping, migrations: [migration(releases, releaseMapping, releaseTable)]),
    .columns(targets, targetMapping, migrations: [migration(targets, targetMapping, targetTable)]),
    .json(StorageFixture.widgets),
  ]

  let instance: TestDatabase.Instance
  let database: any Database
  let store: SQLResourceStore

  private static func definition(
    _ kind: String, _ singular: String, _ table: String, isNamespaced: Bool, selectableFields: [String]
  ) -> ResourceDefinition {
    ResourceDefinition(
      names: ResourceNames(
        group: "fleet.example", version: "v1", kind: kind, plural: "\(singular)s", singular: singular),
      table: table, schema: .any(), isNamespaced: isNamespaced, selectableFields: selectableFields)
  }

  private static func migration(
    _ definition: ResourceDefinition, _ mapping: ColumnMapping,
    _ table: @escaping @Sendable (SQLDialect, _ added: String) -> [String]
  ) -> Migration {
    Migration(owner: definition.migrationOwner, version: 1, name: definition.table) { dialect in
      table(dialect, ColumnMapping.addedColumns(dialect).joined(separator: ", "))
        + JournalTriggers(definition, mapping).statements(dialect)
    }
  }

  @Sendable private static func releaseTable(_ dialect: SQLDialect, _ added: String) -> [String] {
    switch dialect {
    case .postgresql:
      [
        "CREATE TYPE \"ReleaseStatus\" AS ENUM ('draft', 'published', 'inProgress')",
        """
        CREATE TABLE gcc_release (
          id uuid PRIMARY KEY DEFAULT gen_random_uuid(), version text NOT NULL UNIQUE, "releaseNotes" text,
          status "ReleaseStatus" NOT NULL DEFAULT 'draft', "isForced" boolean NOT NULL DEFAULT false, retries integer,
          "publishedAt" timestamptz, "newNonEssentialEnvs" jsonb, "webhookSecret" text,
          "createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT now(), \(added))
        """,
      ]
    case .sqlite:
      [
        """
        CREATE TABLE gcc_release (
          id text PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))), version text NOT NULL UNIQUE, "releaseNotes" text,
          status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'inProgress')),
          "isForced" integer NOT NULL DEFAULT 0, retries integer, "publishedAt" text, "newNonEssentialEnvs" text,
          "webhookSecret" text, "createdAt" text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
          "updatedAt" text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')), \(added))
        """
      ]
    }
  }

  @Sendable private static func targetTable(_ dialect: SQLDialect, _ added: String) -> [String] {
    let (id, time) =
      dialect == .postgresql
      ? ("text PRIMARY KEY DEFAULT CAST(gen_random_uuid() AS text)", "timestamp(3) NOT NULL DEFAULT now()")
      : ("text PRIMARY KEY DEFAULT (lower(hex(randomblob(16))))", "text NOT NULL DEFAULT (datetime('now'))")
    return [
      """
      CREATE TABLE gcc_target (
        id \(id), "organizationName" text NOT NULL, "objectName" text NOT NULL, status text NOT NULL DEFAULT 'draft',
        "webhookRetries" integer NOT NULL DEFAULT 0, "createdAt" \(time), \(added))
      """
    ]
  }

  static func with(
    _ kind: TestDatabase, options: StoreOptions = StorageFixture.options(), _ body: (ColumnFixture) async throws -> Void
  ) async throws {
    let instance = try await kind.create()
    let fixture = try await open(instance, options)
    try await body(fixture)
    await fixture.close()
  }

  /// Another server process, so to say, over the same database.
  func another() async throws -> ColumnFixture { try await Self.open(instance, StorageFixture.options()) }

  private static func open(_ instance: TestDatabase.Instance, _ options: StoreOptions) async throws -> ColumnFixture {
    let database = try await openDatabase(instance.url)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    try await Migrator(SQLResourceStore.migrations(for: kinds), logger: logger) { "2026-01-01T00:00:00Z" }
      .migrate(database)
    let store = SQLResourceStore(database: database, kinds: kinds, options: options, logger: logger)
    return ColumnFixture(instance: instance, database: database, store: store)
  }

  func close() async {
    store.close()
    await database.close()
  }

  // MARK: Objects

  static func uid(_ number: Int) -> String {
    let digits = String(number)
    return "00000000-0000-4000-8000-\(String(repeating: "0", count: 12 - digits.count))\(digits)"
  }

  static func release(
    _ version: String, number: Int, labels: [String: String] = [:], spec: JSONValue = [:], status: JSONValue? = nil
  ) -> JSONValue {
    var object: JSONValue = [
      "apiVersion": "fleet.example/v1", "kind": "Release",
      "metadata": [
        "name": .string(version), "uid": .string(uid(number)), "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
      ],
      "spec": spec,
    ]
    if !labels.isEmpty { object["metadata"]?["labels"] = .object(labels.mapValues { .string($0) }) }
    object["status"] = status
    return object
  }

  @discardableResult
  func create(
    _ version: String, number: Int, labels: [String: String] = [:], spec: JSONValue = [:], status: JSONValue? = nil
  ) async throws -> StoredObject {
    let object = Self.release(version, number: number, labels: labels, spec: spec, status: status)
    return try await store.write(Self.releases, .create(object: object))
  }

  /// What another program does, in a transaction of its own.
  @discardableResult
  func execute(_ statements: String...) async throws -> Int {
    try await database.transaction(.write) { connection in
      try statements.reduce(0) { try $0 + connection.execute($1) }
    }
  }

  func release(_ version: String) async throws -> StoredObject? {
    try await store.get(Self.releases, ObjectKey(namespace: "", name: version))
  }

  func list(_ kind: ResourceDefinition = releases, _ query: ListQuery = ListQuery()) async throws -> [StoredObject] {
    var query = query
    var items: [StoredObject] = []
    repeat {
      let page = try await store.list(kind, query)
      items += page.items
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return items
  }
}
