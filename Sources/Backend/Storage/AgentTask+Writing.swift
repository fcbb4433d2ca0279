import Database
import DeploymentKinds
import OfferPlanning
import WireFormats

extension AgentTask {
  /// - Throws: `DatabaseError` `uniqueViolation` where another task is active (spec §10.3).
  func insert(_ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    let json = dialect.json("$5")
    try connection.execute(
      """
      INSERT INTO agent_task (id, type, status, "deploymentId", payload, "executeAfter", "createdAt", "maxAttempts",
        "requestedBy", "isRollback")
      VALUES ($1, \(dialect.word("$2", "AgentTaskType")), \(dialect.word("$3", "AgentTaskStatus")), $4, \(json),
        \(dialect.time("$6")), \(dialect.time("$7")), $8, $9, \(dialect.boolean(isRollback)))
      """,
      [
        .text(id), .text(type.rawValue), .text(status.rawValue), SQLValue(deploymentID), .text(payload.text),
        executeAfter.column, createdAt.column, .integer(maximumAttempts), SQLValue(requestedBy),
      ])
    try save(connection, at: createdAt)
  }

  /// Writes what changes in a task's life.
  func save(_ connection: any SQLConnection, at now: Timestamp) throws {
    let dialect = connection.dialect
    func json(_ expression: String) -> String {
      dialect == .postgresql ? "CAST(\(expression) AS jsonb)" : expression
    }
    try connection.execute(
      """
      UPDATE agent_task SET status = \(dialect.word("$2", "AgentTaskStatus")), "executeAfter" = \(dialect.time("$3")),
        "pickedUpAt" = \(dialect.time("$4")), "lastHeartbeat" = \(dialect.time("$5")),
        "completedAt" = \(dialect.time("$6")), result = \(json("$7")), "errorMessage" = $8, "failureReason" = $9,
        attempts = $10, executor = $11, generation = $12, "claimedBy" = $13, "claimedAt" = \(dialect.time("$14")),
        "deploymentOrder" = \(json("$15")), "previousSpec" = \(json("$16")), payload = \(json("$17")),
        "isEnvironmentSaved" = \(dialect.boolean(isEnvironmentSaved)), "updatedAt" = \(dialect.time("$18")),
        "recordRevision" = $19
      WHERE id = $1
      """,
      [
        .text(id), .text(status.rawValue), executeAfter.column, SQLValue(pickedUpAt?.columnText),
        SQLValue(lastHeartbeat?.columnText), SQLValue(completedAt?.columnText), SQLValue(result?.text),
        SQLValue(errorMessage), SQLValue(failureReason), .integer(attempts), SQLValue(executor?.rawValue),
        SQLValue(generation), SQLValue(claimedBy), SQLValue(claimedAt?.columnText),
        SQLValue(try order.map { try JSONValue(encoding: $0).text }),
        SQLValue(try previousSpec.map { try JSONValue(encoding: $0).text }), .text(payload.text), now.column,
        SQLValue(recordRevision),
      ])
  }

  /// The last one that was made, whatever became of it.
  static func last(in connection: any SQLConnection) throws -> AgentTask? {
    try connection.query(
      """
      SELECT \(columns(connection.dialect)) FROM agent_task AS t ORDER BY t."createdAt" DESC, t.id DESC LIMIT 1
      """
    ).first.map(AgentTask.init)
  }
}
