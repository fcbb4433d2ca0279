import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import ResourceStorage
import WireFormats

extension RolloutSteps {
  // MARK: Releases without a rollout

  /// A release that is published without a rollout reaches everyone at once: it gets a rollout that says so. That is decided once,
  /// so that a rollout which is deleted later does not let the release loose.
  func decideUnplannedReleases() async throws {
    let releases = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT version FROM gcc_release
        WHERE status = 'published' AND "isRolloutDecided" = \(connection.dialect.boolean(false)) ORDER BY version LIMIT 100
        """
      ).compactMap { $0[0].text }
    }
    for version in releases {
      let selector = ObjectSelector(fields: [.equals(path: "spec.release", value: version)])
      let hasRollout = try await !store.list(RolloutKind.definition, ListQuery(selector: selector, limit: 1)).items
        .isEmpty
      let now = now()
      // Not `nil`, which is also a JSON value.
      let object = hasRollout ? Optional<JSONValue>.none : try everyone(version)
      try await database.transaction(.write) { connection in
        let isMine = try connection.execute(
          """
          UPDATE gcc_release SET "isRolloutDecided" = \(connection.dialect.boolean(true)), resource_version = 0,
            "publishedAt" = coalesce("publishedAt", \(connection.dialect.time("$2"))),
            "helmChartSha256" = CASE "helmChartSha256" WHEN '' THEN coalesce((\(Self.digest("helm"))), '')
              ELSE "helmChartSha256" END,
            "composeArtifactSha256" = coalesce("composeArtifactSha256", (\(Self.digest("compose"))))
          WHERE version = $1 AND "isRolloutDecided" = \(connection.dialect.boolean(false))
          """, [.text(version), now.column])
        guard isMine > 0, let object else { return }
        // One may have come since.
        let others = try connection.query(
          "SELECT 1 FROM gcc_rollout AS o WHERE \(RolloutFields.release("o", connection.dialect)) = $1",
          [.text(version)])
        guard others.isEmpty else { return }
        for result in try self.store.write(RolloutKind.definition, [.create(object: object)], in: connection) {
          // One of that name is somebody's plan.
          if case .failure(let error) = result, error.reason != .alreadyExists { throw error }
        }
      }
    }
  }

  /// Of a release that was published as an object, which names no artifact.
  private static func digest(_ type: String) -> String {
    "SELECT a.sha256 FROM gcc_artifact AS a WHERE a.version = gcc_release.version AND a.type = '\(type)'"
  }

  /// Versions of rollouts that have not ended: of stages that have not begun there are no targets yet.
  static func neededVersions(_ connection: any SQLConnection) throws -> Set<String> {
    let dialect = connection.dialect
    return Set(
      try connection.query(
        """
        SELECT \(RolloutFields.release("o", dialect)) FROM gcc_rollout AS o
        WHERE coalesce(\(RolloutFields.phase("o", dialect)), '') <> '\(RolloutStatus.Phase.completed.rawValue)'
        """
      ).compactMap { $0[0].text })
  }

  private func everyone(_ version: String) throws -> JSONValue {
    var metadata = ObjectMeta(name: "release-\(version)")
    metadata.uid = makeID()
    metadata.generation = 1
    metadata.creationTimestamp = now().wholeSeconds
    return try JSONValue(
      encoding: Rollout(
        metadata: metadata, spec: RolloutSpec(release: version, stages: [RolloutSpec.Stage(name: "everyone")])))
  }
}
