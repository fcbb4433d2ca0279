public import ResourceModel

/// Why a condition of a DesiredDeployment is as it is: the reasons that the planner itself gives, by their words in
/// `status`.
///
/// A condition may carry another reason: that of a failure, which is the runtime's, or one of a newer Agent. Such a one is
/// shown like any other, and says nothing to this program: `Condition.knownReason` is nil.
public enum ConditionReason: String, Sendable, Hashable, CaseIterable {
  // Of several conditions, `Ready` among them.
  case accountDamaged = "AccountDamaged"
  case invalidSpec = "InvalidSpec"
  case inSync = "InSync"
  case revisionNotFound = "RevisionNotFound"
  case suspended = "Suspended"
  case targetChanged = "TargetChanged"
  case targetInUse = "TargetInUse"
  case unsupportedRuntime = "UnsupportedRuntime"

  // Gates.
  case licenseCheckFailed = "LicenseCheckFailed"
  case licenseExpired = "LicenseExpired"
  case licenseInvalid = "LicenseInvalid"
  case licenseNotConfigured = "NotConfigured"
  case licenseNotOffered = "NotOffered"
  case licenseValid = "Valid"
  case missedSchedule = "MissedSchedule"
  /// Of `Ready`, before the time has come.
  case scheduled = "Scheduled"
  /// Of `Scheduled`, once it has come.
  case scheduleDue = "Due"
  /// Of `Scheduled`, before.
  case scheduleWaiting = "Waiting"
  case stale = "Stale"
  case trustMemoryDamaged = "TrustMemoryDamaged"
  case trustRoot = "TrustRoot"
  case unsignedAllowed = "UnsignedAllowed"

  // An attempt.
  case deployed = "Deployed"
  /// Of `Released`: what ran before the attempt was as the current release wants it. Of the other conditions: an attempt
  /// is under way.
  case deploying = "Deploying"
  /// Of `Released`: the attempt began over what a failed one had left.
  case deployingOverFailure = "DeployingOverFailure"
  case deploymentFailed = "DeploymentFailed"
  /// The Agent ended in the midst of the attempt too often.
  case interrupted = "Interrupted"
  case releaseRevoked = "ReleaseRevoked"
  case releaseVerified = "ReleaseVerified"
  case unsigned = "Unsigned"

  // What runs.
  case healthy = "Healthy"
  case workloadStarting = "WorkloadStarting"
  case workloadUnhealthy = "WorkloadUnhealthy"

  // After a failure.
  case nothingChanged = "NothingChanged"
  case nothingToRestore = "NothingToRestore"
  case rollbackFailed = "RollbackFailed"
  case rolledBack = "RolledBack"
  case rollingBack = "RollingBack"

  // Drift.
  case corrected = "Corrected"
  case correctingDrift = "CorrectingDrift"
  case correctionFailed = "CorrectionFailed"
  case driftContested = "DriftContested"
  case driftDetected = "DriftDetected"
  /// Nothing is left to correct, but the engine keeps something otherwise.
  case notApplied = "NotApplied"

  // Deletion.
  case uninstalled = "Uninstalled"
  case uninstallFailed = "UninstallFailed"
  case uninstalling = "Uninstalling"
}

extension Condition {
  /// Nil where the reason is a failure's, or a newer Agent's.
  public var knownReason: ConditionReason? { ConditionReason(rawValue: reason) }
}
