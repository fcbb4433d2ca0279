import Access
import Accounts
import Audit
import Database
import HTTPService
import ResourceModel
import WireFormats

/// The table `non_essential_env`: settings that a release brings and an administrator may change.
struct SettingStore: Sendable {
  let database: any Database
  let audit: AuditLedger
  let makeID: @Sendable () -> String
  let now: @Sendable () -> Timestamp

  /// How many settings there are at most, and characters of their keys and values.
  static let maximumCount: Int64 = 1_000
  static let maximumBytes: Int64 = 4 << 20
  /// How many keys releases may bring altogether, those included that are gone.
  static let maximumKnownCount: Int64 = 10_000
  /// Changes that are kept of one setting, and characters of all.
  static let keptChanges: Int64 = 50
  static let keptHistoryBytes: Int64 = 16 << 20
  /// Of a value in the audit.
  private static let maximumAuditedLength = 1000

  /// Adds a setting that a release brings, once: what an administrator set is never overwritten, and what one removed does not
  /// come back.
  /// - Parameter releases: what says that a release here brings it; nil where that is known.
  /// - Returns: true where it was added.
  /// - Throws: `StatusError` `forbidden` where there is no room for it, and where no release brings it.
  func insertIfAbsent(
    key: String, value: String, by actor: AuditActor = AuditActor(name: "release"),
    broughtBy releases: ReleaseSettings? = nil
  ) async throws -> Bool {
    let (id, now) = (makeID(), now())
    return try await database.transaction(.write) { connection in
      let isKnown = try !connection.query(
        """
        SELECT 1 FROM non_essential_env WHERE key = $1
        UNION ALL SELECT 1 FROM non_essential_env_known WHERE key = $1
        """, [.text(key)]
      ).isEmpty
      if isKnown { return false }
      if let releases, try !releases.bring(key: key, value: value, in: connection) {
        throw StatusError(
          .forbidden,
          "key: neither a release that was offered here nor a DesiredDeployment brings \(key) with that value")
      }
      try Self.requireRoom(connection, added: key.utf8.count + value.utf8.count, isNew: true)
      let known = try connection.query("SELECT count(*) FROM non_essential_env_known").first?[0].integer ?? 0
      guard known < Self.maximumKnownCount else {
        throw StatusError(
          .forbidden, "exceeded quota: releases have brought \(known) settings, limited to \(Self.maximumKnownCount)")
      }
      let isNew =
        try connection.execute(
          """
          INSERT INTO non_essential_env (id, key, value, "createdAt", "updatedAt")
          VALUES ($1, $2, $3, \(connection.dialect.time("$4")), \(connection.dialect.time("$4")))
          ON CONFLICT (key) DO NOTHING
          """, [.text(id), .text(key), .text(value), now.column]) > 0
      try Self.note(key, connection)
      if isNew {
        try Self.addHistory(key, .added, nil, value, by: actor.name, at: now, connection)
        try audit.record([actor.entry("SettingAdded", key, ["to": Self.audited(value)])], in: connection)
      }
      return isNew
    }
  }

  /// Settings by their keys.
  func list(_ page: PageRequest, category: String?) async throws -> [Setting] {
    try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT \(Setting.columns(connection.dialect)) FROM non_essential_env
        WHERE key > $1 AND ($2 = '' OR category = $2) ORDER BY key LIMIT $3
        """, [.text(page.token ?? ""), .text(category ?? ""), .integer(Int64(page.limit) + 1)]
      ).map(Setting.init)
    }
  }

  func history(_ key: String) async throws -> [SettingHistoryEntry] {
    try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT action, "oldValue", "newValue", "changedBy", \(connection.dialect.text(ofTime: "\"changedAt\""))
        FROM non_essential_env_history WHERE key = $1 ORDER BY sequence DESC LIMIT \(Self.keptChanges)
        """, [.text(key)]
      ).map {
        SettingHistoryEntry(
          action: $0[0].text ?? "", from: $0[1].text, to: $0[2].text, by: $0[3].text ?? "", at: $0[4].text ?? "")
      }
    }
  }

  /// Sets what an admin wants.
  /// - Parameter entityTag: of the setting as the admin saw it, `*` for any; nil where that does not matter.
  /// - Returns: the setting, and whether it is new.
  /// - Throws: `StatusError` `conflict` where it is another now, `forbidden` where there is no room for it.
  func set(
    _ change: SettingChange, by actor: AuditActor, entityTag: String?
  ) async throws -> (setting: Setting, isNew: Bool) {
    let (id, now) = (makeID(), now())
    return try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let before = try Self.find(change.key, connection)
      try Self.require(entityTag, of: before, change.key)
      let added = change.value.utf8.count - (before.map { $0.value.utf8.count } ?? -change.key.utf8.count)
      try Self.requireRoom(connection, added: added, isNew: before == nil)
      let time = dialect.time("$6")
      try connection.execute(
        """
        INSERT INTO non_essential_env (id, key, value, description, category, "createdAt", "updatedAt", "updatedBy")
        VALUES ($1, $2, $3, $4, $5, \(time), \(time), $7)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, description = excluded.description,
          category = excluded.category, "updatedAt" = excluded."updatedAt", "updatedBy" = excluded."updatedBy"
        """,
        [
          .text(id), .text(change.key), .text(change.value), Self.column(change.description ?? before?.description),
          Self.column(change.category ?? before?.category), now.column, .text(actor.name),
        ])
      guard let after = try Self.find(change.key, connection) else { throw StatusError.noSuchPath }
      try Self.addHistory(change.key, .changed, before?.value, change.value, by: actor.name, at: now, connection)
      try audit.record(
        [
          actor.entry(
            "SettingChanged", change.key, ["from": Self.audited(before?.value), "to": Self.audited(change.value)])
        ], in: connection)
      return (after, before == nil)
    }
  }

  /// - Throws: `StatusError` `notFound`, and as `set`.
  func remove(_ key: String, by actor: AuditActor, entityTag: String?) async throws {
    let now = now()
    try await database.transaction(.write) { connection in
      guard let before = try Self.find(key, connection) else {
        throw StatusError(.notFound, "there is no setting \"\(key.prefix(100))\"")
      }
      try Self.require(entityTag, of: before, key)
      try connection.execute("DELETE FROM non_essential_env WHERE key = $1", [.text(key)])
      try Self.note(key, connection)
      try Self.addHistory(key, .removed, before.value, nil, by: actor.name, at: now, connection)
      try audit.record(
        [actor.entry("SettingRemoved", key, ["from": Self.audited(before.value)])], in: connection)
    }
  }

  // MARK: In a transaction

  private static func find(_ key: String, _ connection: any SQLConnection) throws -> Setting? {
    try connection.query(
      "SELECT \(Setting.columns(connection.dialect)) FROM non_essential_env AS s WHERE key = $1"
        + connection.dialect.forUpdate(of: "s"), [.text(key)]
    ).first.map(Setting.init)
  }

  private static func require(_ entityTag: String?, of setting: Setting?, _ key: String) throws(StatusError) {
    guard let entityTag else { return }
    guard let setting, entityTag == "*" || entityTag == setting.entityTag else {
      throw StatusError(.conflict, "the setting \(key) was changed meanwhile: read it again, and then decide")
    }
  }

  private static func requireRoom(_ connection: any SQLConnection, added: Int, isNew: Bool) throws {
    let kept = try connection.query(
      "SELECT count(*), CAST(coalesce(sum(length(key) + length(value)), 0) AS bigint) FROM non_essential_env"
    ).first
    let (count, bytes) = (kept?[0].integer ?? 0, kept?[1].integer ?? 0)
    guard count < maximumCount || !isNew, bytes + Int64(added) <= maximumBytes || added <= 0 else {
      throw StatusError(
        .forbidden,
        "exceeded quota: there are \(count) settings with \(bytes) characters, limited to \(maximumCount) and "
          + "\(maximumBytes); remove some first")
    }
  }

  private static func note(_ key: String, _ connection: any SQLConnection) throws {
    try connection.execute(
      "INSERT INTO non_essential_env_known (key) VALUES ($1) ON CONFLICT (key) DO NOTHING", [.text(key)])
  }

  private static func addHistory(
    _ key: String, _ action: SettingHistoryEntry.Action, _ before: String?, _ after: String?, by actor: String,
    at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    try connection.execute(
      """
      INSERT INTO non_essential_env_history (key, action, "oldValue", "newValue", "changedBy", "changedAt")
      VALUES ($1, $2, $3, $4, $5, \(connection.dialect.time("$6")))
      """,
      [.text(key), .text(action.rawValue), SQLValue(before), SQLValue(after), .text(actor), now.column])
    try connection.execute(
      """
      DELETE FROM non_essential_env_history WHERE key = $1 AND sequence NOT IN (
        SELECT sequence FROM non_essential_env_history WHERE key = $1 ORDER BY sequence DESC LIMIT \(keptChanges))
      """, [.text(key)])
    // The oldest of all go where the whole is too large.
    try connection.execute(
      """
      DELETE FROM non_essential_env_history WHERE sequence <= (
        SELECT coalesce(max(sequence), 0) FROM (
          SELECT sequence, sum(coalesce(length("oldValue"), 0) + coalesce(length("newValue"), 0))
            OVER (ORDER BY sequence DESC) AS running
          FROM non_essential_env_history) AS h
        WHERE h.running > \(keptHistoryBytes))
      """)
  }

  private static func column(_ text: String?) -> SQLValue { SQLValue(text.flatMap { $0.isEmpty ? nil : $0 }) }

  private static func audited(_ value: String?) -> JSONValue {
    guard let value else { return .null }
    return .string(value.count > maximumAuditedLength ? value.prefix(maximumAuditedLength) + "…" : value)
  }
}
