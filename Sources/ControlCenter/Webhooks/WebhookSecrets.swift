import Audit
import Cryptography
import Database
import ProgramConfiguration
import ResourceModel
import WireFormats

/// The secrets that webhooks are signed with. In the database they are sealed, each for its organization.
struct WebhookSecrets: Sendable {
  private static let prefix = "v1:"
  /// True of a row whose secret another program wrote as it is.
  static let isUnsealed =
    "\"webhookSecret\" IS NOT NULL AND \"webhookSecret\" <> '' AND \"webhookSecret\" NOT LIKE '\(prefix)%'"
  /// Secrets that are sealed in one transaction.
  private static let setCount = 500

  let database: any Database
  let box: AES256GCM

  func seal(_ secret: String, for organization: String) -> String {
    Self.prefix + Base64.encode(box.seal(Array(secret.utf8), context: Array(organization.utf8)), alphabet: .standard)
  }

  /// Nil where it was sealed with another key or for another organization. A secret that another program wrote as it is
  /// counts as it is.
  func open(_ sealed: String, of organization: String) -> String? {
    guard sealed.hasPrefix(Self.prefix) else { return sealed.isEmpty ? nil : sealed }
    return Base64.decode(String(sealed.dropFirst(Self.prefix.count)), alphabet: .standard)
      .flatMap { box.open($0, context: Array(organization.utf8)) }
      .flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Seals secrets that another program wrote as they are.
  /// - Returns: whether there may be more.
  func sealAll() async throws -> Bool {
    let found = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT name, "webhookSecret" FROM organizational_service WHERE \(Self.isUnsealed) ORDER BY name
        LIMIT \(Self.setCount)
        """
      ).map { (name: $0[0].text ?? "", secret: $0[1].text ?? "") }
    }
    guard !found.isEmpty else { return false }
    var rows = RowSet([("name", .text), ("plain", .text), ("sealed", .text)])
    for (name, secret) in found { rows.append([.text(name), .text(secret), .text(seal(secret, for: name))]) }
    let set = rows
    try await database.transaction(.write) { connection in
      // Unless it was changed meanwhile.
      _ = try connection.execute(
        """
        UPDATE organizational_service SET "webhookSecret" = r.sealed FROM \(set.source(connection.dialect))
        WHERE organizational_service.name = r.name AND organizational_service."webhookSecret" = r.plain
        """, [set.parameter])
    }
    return found.count == Self.setCount
  }

  // MARK: A key that was lost

  /// Whether there is a sealed secret.
  static func areSealed(in database: any Database) async throws -> Bool {
    try await database.transaction(.read) { !(try sealed(after: "", count: 1, $0).isEmpty) }
  }

  /// - Throws: `ConfigurationError` where a sealed secret, the one of them that is asked for, was sealed with another key.
  func requireKey() async throws {
    let sealed = try await database.transaction(.read) { connection in
      try Self.sealed(after: "", count: 1, connection).first
    }
    guard let sealed, open(sealed.secret, of: sealed.name) == nil else { return }
    throw ConfigurationError(
      "(or secret.key in the data folder) is not the key that the secrets of webhooks in this database were sealed with (tried with the one of \(sealed.name)): give the "
        + "server that key; if it is lost, start it once with --forget-webhook-secrets, and give each customer a new secret "
        + "(wrktalkctl org webhook-secret)", setting: "GCC_SECRET_KEY_FILE")
  }

  /// Takes away the secrets that this key does not open: their customers poll until each has a new one.
  func forgetSealedWithAnotherKey(_ audit: AuditLedger) async throws {
    var last = ""
    while true {
      let after = last
      let next = try await database.transaction(.write) { connection -> String? in
        try audit.lock(in: connection)
        let found = try Self.sealed(after: after, count: Self.setCount, connection)
        let lost = found.filter { open($0.secret, of: $0.name) == nil }.map(\.name)
        if !lost.isEmpty {
          let set = RowSet("name", of: lost)
          try connection.execute(
            """
            UPDATE organizational_service SET "webhookSecret" = NULL
            WHERE name IN (SELECT r.name FROM \(set.source(connection.dialect)))
            """, [set.parameter])
          try audit.record(
            lost.map {
              AuditEntry(
                actor: "--forget-webhook-secrets", roles: "", address: "", action: "WebhookSecretForgotten", object: $0,
                detail: [:])
            }, in: connection)
        }
        return found.count == Self.setCount ? found.last?.name : nil
      }
      guard let next else { return }
      last = next
    }
  }

  private static func sealed(
    after name: String, count: Int, _ connection: any SQLConnection
  ) throws -> [(name: String, secret: String)] {
    let bytewise = connection.dialect == .postgresql ? " COLLATE \"C\"" : ""
    return try connection.query(
      """
      SELECT name, "webhookSecret" FROM organizational_service
      WHERE name\(bytewise) > $1 AND "webhookSecret" LIKE '\(prefix)%' ORDER BY name\(bytewise) LIMIT \(count)
      """, [.text(name)]
    ).map { ($0[0].text ?? "", $0[1].text ?? "") }
  }

  /// Replaces the secret.
  /// - Parameter secret: nil for a new random one.
  /// - Returns: the secret.
  /// - Throws: `notFound` without such an organization; `invalid` for a secret that is too short to be one.
  func set(_ secret: String?, for organization: String, note: AuditNote? = nil) async throws -> String {
    if let secret, !(16...256).contains(secret.utf8.count) {
      throw StatusError(.invalid, "secret: must have 16 to 256 characters")
    }
    let secret = secret ?? SecureRandom.token()
    let sealed = seal(secret, for: organization)
    try await database.transaction(.write) { connection in
      try note?.prepare(in: connection)
      let changed = try connection.execute(
        "UPDATE organizational_service SET \"webhookSecret\" = $2 WHERE name = $1",
        [.text(organization), .text(sealed)])
      if changed == 0 { throw StatusError.noOrganization(organization) }
      try note?.record(in: connection)
    }
    return secret
  }
}
