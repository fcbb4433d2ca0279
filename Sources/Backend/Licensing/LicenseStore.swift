import Database
import WireFormats

/// What the database keeps of the licence: in `deployment_config` the token that counts and the one that follows it, and the id that
/// the installation made for itself, which a licence may be bound to.
struct LicenseStore: Sendable {
  /// Notified when another token was kept.
  static let channel = "license"

  static let migrations = [
    Migration(owner: "backend.licensing", version: 1, name: "installation") { _ in
      ["ALTER TABLE deployment_config ADD COLUMN \"installationId\" text"]
    },
    Migration(owner: "backend.licensing", version: 2, name: "the licence that begins later") { _ in
      ["ALTER TABLE deployment_config ADD COLUMN \"nextLicense\" text"]
    },
  ]

  struct Kept: Sendable, Hashable {
    var installation: String?
    var token: String?
    /// Of the licence that begins later.
    var next: String?

    var tokens: [String] { [token, next].compactMap(\.self) }
  }

  let database: any Database

  func read() async throws -> Kept {
    try await database.transaction(.read) { try Self.read($0, "") }
  }

  /// The row, locked until the transaction ends.
  static func lock(_ connection: any SQLConnection) throws -> Kept {
    try read(connection, connection.dialect.forUpdate(of: "deployment_config"))
  }

  private static func read(_ connection: any SQLConnection, _ lock: String) throws -> Kept {
    let row = try connection.query(
      "SELECT \"installationId\", license, \"nextLicense\" FROM deployment_config WHERE id = 1\(lock)"
    ).first
    func text(_ index: Int) -> String? { row?[index].text.flatMap { $0.isEmpty ? nil : $0 } }
    return Kept(installation: text(0), token: text(1), next: text(2))
  }

  /// Makes the installation's id where it has none.
  func establish(_ id: String) async throws {
    guard try await read().installation == nil else { return }
    try await database.transaction(.write) { connection in
      _ = try connection.execute(
        """
        INSERT INTO deployment_config (id, "installationId") VALUES (1, $1)
        ON CONFLICT (id) DO UPDATE SET "installationId" = coalesce(deployment_config."installationId", $1)
        """, [.text(id)])
    }
  }

  static func keep(_ kept: Kept, at now: Timestamp, _ connection: any SQLConnection) throws {
    try connection.execute(
      """
      UPDATE deployment_config SET license = $1, "nextLicense" = $2, "updatedAt" = \(connection.dialect.time("$3"))
      WHERE id = 1
      """, [SQLValue(kept.token), SQLValue(kept.next), now.column])
    try connection.notify(channel: channel, payload: "")
  }
}
