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

  /// Asks whether a release would do well here, before anybody deploys it: JSON that names the release. The answer is
  /// `status.preflight`; another value asks again.
  public static let preflightAnnotation = "deploy.wrktalk.com/preflight"

  /// Carries the trust roots that follow the one that the Agent has: a JSON array of DSSE envelopes. Like the timestamp
  /// statement it is no part of what is asked for, and so makes no new generation.
  public static let trustRootsAnnotation = "deploy.wrktalk.com/trust-roots"

  /// Carries the vendor's newest timestamp statement: a DSSE envelope.
  public static let timestampAnnotation = "deploy.wrktalk.com/timestamp"

  /// Keeps a deleted object until the Agent has uninstalled what it deployed.
  public static let finalizer = "deploy.wrktalk.com/uninstall"

  public static let definition = ResourceDefinition(
    names: names, table: "desired_deployment",
    schema: .object(
      properties: ["spec": DesiredDeploymentSpec.schema, "status": DesiredDeploymentStatus.schema], required: ["spec"],
      Schema.Documentation(
        """
        The release that one environment should be on, and what its Agent last saw of it. The Agent converges the \
        environment to spec and reports in status.
        """)),
    printerColumns: printerColumns, rules: rules, validate: { validate($0, old: $1) })

  private static let printerColumns = [
    PrinterColumn(
      name: "Ready", type: .string, jsonPath: #".status.conditions[?(@.type=="Ready")].status"#,
      description: "Whether the desired release runs in full health."),
    PrinterColumn(
      name: "Status", type: .string, jsonPath: #".status.conditions[?(@.type=="Ready")].reason"#,
      description: "Why it is ready or not, in one word."),
    PrinterColumn(
      name: "Desired", type: .string, jsonPath: ".spec.version", description: "The version asked for."),
    PrinterColumn(
      name: "Current", type: .string, jsonPath: ".status.current.version",
      description: "The version that last ran in full health."),
    PrinterColumn(
      name: "Age", type: .date, jsonPath: ".metadata.creationTimestamp", description: "How long the object has existed."
    ),
    PrinterColumn(
      name: "Runtime", type: .string, jsonPath: ".spec.runtime", description: "What runs the release.", priority: 1),
    PrinterColumn(
      name: "Revision", type: .integer, jsonPath: ".status.current.revision",
      description: "Counts the releases that ran in full health.", priority: 1),
    PrinterColumn(
      name: "Message", type: .string, jsonPath: #".status.conditions[?(@.type=="Ready")].message"#,
      description: "Why it is ready or not, in a sentence.", priority: 1),
  ]
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
  /// Which releases the Agent believes: only what was signed under its trust root, or, where that was allowed, any.
  public static let trusted = "Trusted"
  /// Exists only while True: new releases wait, since it is not known how new the vendor's news is.
  public static let stale = "Stale"
  public static let scheduled = "Scheduled"
  public static let licensed = "Licensed"
  public static let released = "Released"
  public static let healthy = "Healthy"
  public static let drifted = "Drifted"
  public static let remediated = "Remediated"
}
