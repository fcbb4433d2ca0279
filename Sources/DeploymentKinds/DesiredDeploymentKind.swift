public import ResourceModel

/// The kind `DesiredDeployment` (`dd`) of `deploy.wrktalk.com/v1`.
public enum DesiredDeploymentKind: ResourceKind {
  public typealias Spec = DesiredDeploymentSpec
  public typealias Status = DesiredDeploymentStatus

  public static let names = ResourceNames(
    group: "deploy.wrktalk.com", version: "v1", kind: "DesiredDeployment", plural: "desireddeployments",
    singular: "desireddeployment", shortNames: ["dd"], categories: ["wrktalk"])

  /// The annotation that asks for another attempt at a generation that failed; any new value counts once.
  public static let retryAnnotation = "deploy.wrktalk.com/retryRequestedAt"

  public static let definition = ResourceDefinition(names: names, table: "desired_deployment", schema: .any())
}

/// The types of a DesiredDeployment's conditions.
public enum DeploymentCondition {
  /// Sums up: the desired release runs in full health.
  public static let ready = "Ready"
  /// Exists only while True: a change is being made.
  public static let reconciling = "Reconciling"
  /// Exists only while True: nothing more happens until somebody acts.
  public static let stalled = "Stalled"
  public static let artifactVerified = "ArtifactVerified"
  public static let scheduled = "Scheduled"
  public static let licensed = "Licensed"
  public static let released = "Released"
  public static let healthy = "Healthy"
  public static let drifted = "Drifted"
  public static let remediated = "Remediated"
}
