import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import ResourceStorage
import WireFormats

extension RolloutSteps {
  /// The attempt of a target whose offer is taken back, as `TargetFacts.withdrawn` has it.
  static let withdrawnAttempt = """
    CASE WHEN status = 'deadlineExceeded' AND "scheduledFor" IS NULL AND "attemptId" NOT LIKE '\(TargetFacts.endedPrefix)%'
      THEN '\(TargetFacts.endedPrefix)' || "attemptId" ELSE "attemptId" END
    """

  /// Takes back what a rollout that was deleted had not finished, and lets go of what it had: a rollout that is made later
  /// under its name begins with nothing.
  /// - Parameters:
  ///   - rollout: a name.
  ///   - releaseID: of the release that it was for.
  /// - Returns: whether there may be more.
  func takeBack(orphansOf rollout: String, releaseID: String) async throws -> Bool {
    let now = now()
    return try await database.transaction(.write) { connection in
      let (dialect, key) = (connection.dialect, ObjectKey(namespace: "", name: rollout))
      // It may have been made anew since somebody looked.
      let text = try connection.query("SELECT object FROM gcc_rollout WHERE name = $1", [.text(key.name)]).first?[0]
        .text
      let version = try connection.query("SELECT version FROM gcc_release WHERE id = $1", [.text(releaseID)]).first?[0]
        .text
      if let text, let object = try? JSONValue(parsing: Array(text.utf8)),
        object["spec"]?["release"]?.string == version
      {
        return false
      }
      let open = """
        (bucket IN ('waiting', 'notifying', 'consent', 'silent', 'offline', 'scheduled', 'blocked') AND status <> 'inProgress')
        """
      let changed = try connection.execute(
        """
        UPDATE gcc_deployment_target SET
          status = CASE WHEN \(open) THEN \(dialect.word("'cancelled'", "DeploymentStatus")) ELSE status END,
          "failureReason" = CASE WHEN \(open) THEN '\(TargetReason.rolloutHalted)' ELSE "failureReason" END,
          "completedAt" = CASE WHEN \(open) THEN \(dialect.time("$3")) ELSE "completedAt" END,
          "attemptId" = \(Self.withdrawnAttempt),
          "updatedAt" = \(dialect.time("$3")), "rolloutName" = NULL, "stageName" = NULL, "stageIndex" = NULL,
          resource_version = 0
        WHERE id IN (SELECT id FROM gcc_deployment_target WHERE "rolloutName" = $1 AND "releaseId" = $2
          ORDER BY id LIMIT \(Self.setCount))
        """, [.text(rollout), .text(releaseID), now.column])
      if changed < Self.setCount {
        try connection.execute(
          "DELETE FROM gcc_rollout_counter WHERE rollout = $1 AND count = 0",
          [.text(RolloutCounters.key(rollout, releaseID: releaseID))])
      }
      return changed == Self.setCount
    }
  }
}
