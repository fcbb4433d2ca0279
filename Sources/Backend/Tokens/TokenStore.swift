import Cryptography
import Database
import ResourceServer
import WireFormats

/// A token as it is kept: never the token itself, only its digest.
struct TokenRecord: Sendable, Hashable {
  var name: String
  var role: Role
  /// SHA-256 of the token. Tokens are random, 256 bits, so nothing is gained by a slow hash.
  var digest: [UInt8]
  var createdAt: Timestamp
  var expiresAt: Timestamp?
  /// To the hour; nil where it was never used.
  var lastUsedAt: Timestamp?
  /// What an Agent's token is bound to; nil for other roles, and for tokens of earlier versions.
  var binding: AgentBinding?

  func isValid(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }

  /// An Agent's token that is good for every namespace.
  var isUnbound: Bool { role == .agent && binding == nil }

  var identity: Identity { Identity(name: name, role: role, binding: binding) }
}

/// The table `api_token`.
struct TokenStore: Sendable {
  let database: any Database

  /// - Throws: `DatabaseError` `uniqueViolation` where the name is taken.
  func insert(_ token: TokenRecord) async throws {
    _ = try await database.transaction(.write) { connection in
      try connection.execute(
        """
        INSERT INTO api_token (name, role, digest, created_at, expires_at, namespace, lease)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
          .text(token.name), .text(token.role.rawValue), .text(Hexadecimal.encode(token.digest)),
          .integer(token.createdAt.microseconds), token.expiresAt.map { .integer($0.microseconds) } ?? .null,
          token.binding.map { .text($0.namespace) } ?? .null, token.binding.map { .text($0.lease) } ?? .null,
        ])
    }
  }

  func find(digest: [UInt8]) async throws -> TokenRecord? {
    try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(Self.columns) FROM api_token WHERE digest = $1",
        [.text(Hexadecimal.encode(digest))]
      ).first.flatMap(Self.record)
    }
  }

  /// Notes that the token is used.
  func touch(digest: [UInt8], at now: Timestamp) async throws {
    _ = try await database.transaction(.write) { connection in
      try connection.execute(
        "UPDATE api_token SET last_used_at = $2 WHERE digest = $1",
        [.text(Hexadecimal.encode(digest)), .integer(now.microseconds)])
    }
  }

  /// By name.
  func all() async throws -> [TokenRecord] {
    try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(Self.columns) FROM api_token ORDER BY name"
      )
      .compactMap(Self.record)
    }
  }

  /// - Returns: false where there is no such token.
  func remove(name: String) async throws -> Bool {
    try await database.transaction(.write) { connection in
      try connection.execute("DELETE FROM api_token WHERE name = $1", [.text(name)]) > 0
    }
  }

  private static let columns = "name, role, digest, created_at, expires_at, last_used_at, namespace, lease"

  private static func record(_ row: SQLRow) -> TokenRecord? {
    guard let name = row[0].text, let role = row[1].text.flatMap(Role.init(rawValue:)),
      let digest = row[2].text.flatMap(Hexadecimal.decode), let createdAt = row[3].integer
    else { return nil }
    return TokenRecord(
      name: name, role: role, digest: digest, createdAt: Timestamp(microseconds: createdAt),
      expiresAt: row[4].integer.map { Timestamp(microseconds: $0) },
      lastUsedAt: row[5].integer.map { Timestamp(microseconds: $0) },
      binding: row[6].text.map { AgentBinding(namespace: $0, lease: row[7].text ?? AgentBinding.standardLease) })
  }
}
