import Database
import ResourceModel
import ResourceStorage

/// Lets a transaction go on only while a rollout is as it was read: nothing that was decided on another state is written.
struct RolloutGuard: Sendable {
  private let name: String
  private let revision: Int64

  init(_ stored: StoredObject) {
    name = stored.key.name
    revision = stored.revision
  }

  /// The first statement of the transaction; nobody changes the rollout until it ends.
  /// - Throws: `conflict` where it was changed or is gone.
  func require(_ connection: any SQLConnection) throws {
    guard try read(skipsLocked: false, connection) == revision else { throw changed }
  }

  /// The same, without waiting for another process that steps it.
  /// - Returns: false where one does.
  func lock(_ connection: any SQLConnection) throws -> Bool {
    guard let found = try read(skipsLocked: true, connection) else { return false }
    guard found == revision else { throw changed }
    return true
  }

  private func read(skipsLocked: Bool, _ connection: any SQLConnection) throws -> Int64? {
    try connection.query(
      "SELECT resource_version FROM gcc_rollout WHERE name = $1"
        + connection.dialect.forUpdate(of: "gcc_rollout", skipsLocked: skipsLocked), [.text(name)]
    ).first?[0].integer
  }

  var changed: StatusError { StatusError(.conflict, "the rollout \"\(name)\" was changed in the meantime") }
}
