import Cryptography
public import Database
public import WireFormats

/// A token as it is kept: never the token itself, only its digest.
public struct TokenRecord: Sendable, Hashable {
  public var name: String
  public var roles: [Role]
  /// SHA-256 of the token. Tokens are random, 256 bits, so nothing is gained by a slow hash.
  public var digest: [UInt8]
  public var createdAt: Timestamp
  public var expiresAt: Timestamp?
  /// To the hour; nil where it was never used.
  public var lastUsedAt: Timestamp?
  /// See `Identity.tenant`.
  public var tenant: String?
  /// See `Identity.bindings`.
  public var bindings: [String: String]

  public init(
    name: String, roles: [Role], digest: [UInt8], createdAt: Timestamp, expiresAt: Timestamp? = nil,
    lastUsedAt: Timestamp? = nil, tenant: String? = nil, bindings: [String: String] = [:]
  ) {
    self.name = name
    self.roles = roles
    self.digest = digest
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.lastUsedAt = lastUsedAt
    self.tenant = tenant
    self.bindings = bindings
  }

  public func isValid(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }

  public var identity: Identity { Identity(name: name, roles: roles, tenant: tenant, bindings: bindings) }
}

/// The table `api_token`: bearer tokens of people and programs, and API keys of customers.
public struct TokenStore: Sendable {
  public let database: any Database

  public init(database: any Database) { self.database = database }

  /// - Parameter also: what else belongs to the same transaction.
  /// - Throws: `DatabaseError` `uniqueViolation` where the name is taken.
  public func insert(
    _ token: TokenRecord, also: @escaping @Sendable (any SQLConnection) throws -> Void = { _ in }
  ) async throws {
    let bindings = try JSONValue(encoding: token.bindings).serialized()
    _ = try await database.transaction(.write) { connection in
      try connection.execute(
        """
        INSERT INTO api_token (name, role, digest, created_at, expires_at, tenant, bindings)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
          .text(token.name), .text(token.roles.map(\.rawValue).joined(separator: ",")),
          .text(Hexadecimal.encode(token.digest)), .integer(token.createdAt.microseconds),
          token.expiresAt.map { .integer($0.microseconds) } ?? .null, token.tenant.map { .text($0) } ?? .null,
          token.bindings.isEmpty ? .null : .text(String(decoding: bindings, as: UTF8.self)),
        ])
      try also(connection)
    }
  }

  public func find(digest: [UInt8]) async throws -> TokenRecord? {
    try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(Self.columns) FROM api_token WHERE digest = $1",
        [.text(Hexadecimal.encode(digest))]
      ).first.flatMap(Self.record)
    }
  }

  /// Notes that the token is used.
  public func touch(digest: [UInt8], at now: Timestamp) async throws {
    _ = try await database.transaction(.write) { connection in
      try connection.execute(
        "UPDATE api_token SET last_used_at = $2 WHERE digest = $1",
        [.text(Hexadecimal.encode(digest)), .integer(now.microseconds)])
    }
  }

  /// By name.
  public func all() async throws -> [TokenRecord] {
    try await database.transaction(.read) { connection in
      try connection.query("SELECT \(Self.columns) FROM api_token ORDER BY name").compactMap(Self.record)
    }
  }

  /// - Parameter also: what else belongs to the same transaction, where there is such a token.
  /// - Returns: false where there is no such token.
  public func remove(
    name: String, also: @escaping @Sendable (any SQLConnection) throws -> Void = { _ in }
  ) async throws -> Bool {
    try await database.transaction(.write) { connection in
      guard try connection.execute("DELETE FROM api_token WHERE name = $1", [.text(name)]) > 0 else { return false }
      try also(connection)
      return true
    }
  }

  private static let columns = "name, role, digest, created_at, expires_at, last_used_at, tenant, bindings"

  /// Nil for a row that cannot be read: such a token is good for nothing, and above all not for more than it was.
  private static func record(_ row: SQLRow) -> TokenRecord? {
    guard let name = row[0].text, let roles = row[1].text, let digest = row[2].text.flatMap(Hexadecimal.decode),
      let createdAt = row[3].integer
    else { return nil }
    var bindings: [String: String] = [:]
    if let text = row[7].text {
      guard let read = try? JSONValue(parsing: Array(text.utf8)).decoded(as: [String: String].self) else { return nil }
      bindings = read
    }
    return TokenRecord(
      name: name, roles: roles.split(separator: ",").map { Role(rawValue: String($0)) }, digest: digest,
      createdAt: Timestamp(microseconds: createdAt),
      expiresAt: row[4].integer.map { Timestamp(microseconds: $0) },
      lastUsedAt: row[5].integer.map { Timestamp(microseconds: $0) }, tenant: row[6].text, bindings: bindings)
  }
}
