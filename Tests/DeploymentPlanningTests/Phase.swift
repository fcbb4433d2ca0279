import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel

/// Where a record stands that wants 2.3.0 at generation 7, over 2.2.0.
enum Phase: String, Sendable, CaseIterable {
  case nothingYet
  case otherGeneration
  case deploying
  case resumedTooOften
  case betweenTries
  case failed
  case distrusted
  case rollingBack
  case rollbackFailed
  case rolledBack
  case concluded

  private static func recorded(
    _ outcome: DeploymentOutcome, of status: DesiredDeploymentStatus?
  ) -> DesiredDeploymentStatus {
    DeploymentPlanner.record(outcome, of: deployment(spec("2.3.0"), status: status), now: moment).status
  }

  private static func decided(_ status: DesiredDeploymentStatus?) -> DesiredDeploymentStatus {
    DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: status), facts: facts(.observed(.compose([])))
    ).status
  }

  /// As the planner records it on the way there.
  var status: DesiredDeploymentStatus? {
    switch self {
    case .nothingYet: return nil
    case .otherGeneration: return settledStatus()
    case .deploying: return Self.decided(settledStatus())
    case .resumedTooOften:
      var status = Self.deploying.status
      for _ in 0..<5 { status = Self.decided(status) }
      return status
    case .betweenTries:
      return Self.recorded(
        .deploymentFailed(.init(isTransient: true, reason: "BucketUnreachable", message: "no answer")),
        of: Self.deploying.status)
    case .failed:
      return Self.recorded(
        .deploymentFailed(.init(isTransient: false, reason: "WorkloadUnhealthy", message: "media is ill")),
        of: Self.deploying.status)
    case .distrusted:
      var status = Self.recorded(
        .deploymentFailed(
          .init(isTransient: false, reason: TrustError.Reason.signatureInvalid.rawValue, message: "too few keys")),
        of: Self.deploying.status)
      status.trustRootVersion = 1
      return status
    case .rollingBack: return Self.decided(Self.failed.status)
    case .rollbackFailed:
      return Self.recorded(
        .restoreFailed(.init(isTransient: false, reason: "PortInUse", message: "port 80 is taken"), .rollback),
        of: Self.rollingBack.status)
    case .rolledBack:
      return Self.recorded(
        .restored(RunningRelease(imageDigests: [:], services: services("2.2.0")), .rollback),
        of: Self.rollingBack.status)
    case .concluded:
      return Self.recorded(
        .deployed(
          release("2.3.0"),
          RunningRelease(imageDigests: [:], services: services("2.3.0"), revision: RevisionReference(1))),
        of: Self.deploying.status)
    }
  }
}
