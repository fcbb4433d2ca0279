public import DeploymentKinds
public import DeploymentPlanning
public import ReleaseManifest

/// Brings a release from the bucket to a folder the runtime can deploy from.
public protocol ReleasePreparing: Sendable {
  /// Downloads, verifies and unpacks; nothing of what was not verified is ever unpacked.
  /// - Parameters:
  ///   - manifest: what the vendor signed of the release; nil where nobody did.
  ///   - progress: called at each change of step.
  func prepare(
    _ plan: ReleasePlan, manifest: Manifest?,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> PreparedArtifact

  /// Keeps the `.env` that the release runs with under the name of its version (spec §9.2).
  /// - Returns: the bucket key that a rollback to this revision is to use.
  func keepConfiguration(of prepared: PreparedArtifact, revision: Int64) async throws(RuntimeFailure) -> String?

  /// Removes copies that `keepConfiguration` made and no rollback can need any more: they hold secrets.
  /// - Throws: where one could not be removed; what comes of it is for the caller to say.
  func forgetConfigurations(_ keys: Set<String>) async throws(RuntimeFailure)

  /// Removes what an Agent that was killed left behind; secrets are overwritten first.
  func removeLeftovers() async

  /// Removes what `prepare` made; secrets are overwritten first.
  func discard(_ prepared: PreparedArtifact) async
}

public struct PreparedArtifact: Sendable {
  public var release: PreparedRelease

  public init(release: PreparedRelease) { self.release = release }
}
