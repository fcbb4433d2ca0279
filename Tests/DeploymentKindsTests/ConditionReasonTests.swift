import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

struct ConditionReasonTests {
  /// Other programs, alerts and people go by these words: one may be added, none may be changed.
  @Test func theWordsOnTheWireStayTheSame() {
    #expect(
      ConditionReason.allCases.map(\.rawValue) == [
        "AccountDamaged", "InvalidSpec", "InSync", "RevisionNotFound", "Suspended", "TargetChanged", "TargetInUse",
        "UnsupportedRuntime", "LicenseCheckFailed", "LicenseExpired", "LicenseInvalid", "NotConfigured", "NotOffered",
        "Valid", "MissedSchedule", "Scheduled", "Due", "Waiting", "Stale", "TrustMemoryDamaged", "TrustRoot",
        "UnsignedAllowed", "Deployed", "Deploying", "DeployingOverFailure", "DeploymentFailed", "Interrupted",
        "ReleaseRevoked", "ReleaseVerified", "Unsigned", "Healthy", "WorkloadStarting", "WorkloadUnhealthy",
        "NothingChanged", "NothingToRestore", "RollbackFailed", "RolledBack", "RollingBack", "Corrected",
        "CorrectingDrift", "CorrectionFailed", "DriftContested", "DriftDetected", "NotApplied", "Uninstalled",
        "UninstallFailed", "Uninstalling",
      ])
  }

  @Test(arguments: [("Deploying", ConditionReason.deploying), ("FromTheFuture", nil), ("PortInUse", nil), ("", nil)])
  func aReasonThatIsNotKnownIsStillRead(_ word: String, _ known: ConditionReason?) throws {
    let text = """
      {"type": "Ready", "status": "False", "lastTransitionTime": "2026-12-15T02:00:00Z", "reason": "\(word)", \
      "message": "a sentence"}
      """
    let condition = try JSONValue(parsing: text).decoded(as: Condition.self)
    #expect(condition.reason == word)
    #expect(condition.knownReason == known)
  }
}
