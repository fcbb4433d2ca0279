public import DeploymentKinds

/// The one next step for an environment. The status and the events are recorded before the step is taken; the events of
/// `removeFinalizer`, which changes no status, are told once it is done.
public struct Decision: Sendable, Hashable {
  public enum Step: Sendable, Hashable {
    /// The object is being deleted: its workloads stay as they are and nobody looks after them.
    case forget
    /// Make the object wait, when it is deleted, until what it deployed is uninstalled.
    case addFinalizer
    /// Let the object go, or go later, without waiting.
    case removeFinalizer
    /// Remove what was deployed; the finalizer is removed afterwards.
    case uninstall
    /// Read the environment, then decide again.
    case observe
    /// Ask for the licence, then decide again.
    case checkLicense
    /// Deploy the desired release.
    case deploy(ReleasePlan)
    /// Bring back what was last known to be good.
    case restore(ReleasePlan, RestorePurpose)
    /// Look at a release that is not asked for yet, touching nothing.
    case preflight(PreflightPlan)
    /// Something could not be read; try again with backoff.
    case retry(DeploymentFailure)
    /// Nothing to do until something changes, or at the latest after this long.
    case settled(recheckAfter: Duration?)
  }

  public var status: DesiredDeploymentStatus
  public var events: [DeploymentEvent]
  public var step: Step

  public init(status: DesiredDeploymentStatus, events: [DeploymentEvent], step: Step) {
    self.status = status
    self.events = events
    self.step = step
  }
}

public enum RestorePurpose: Sendable, Hashable {
  /// An attempt changed the environment and did not succeed.
  case rollback
  /// Somebody or something changed the environment by hand.
  case driftCorrection
}

/// What to converge an environment to: executing it leaves no choices.
public struct ReleasePlan: Sendable, Hashable {
  public var release: DesiredDeploymentStatus.Release
  /// Service to image reference pinned to a digest; empty where the bundle's own tags are to be resolved.
  public var pinnedImages: [String: String]
  /// The revision at which it ran before; nil for a release that is new. Helm may still hold it in its history.
  public var revision: RevisionReference?

  public init(
    release: DesiredDeploymentStatus.Release, pinnedImages: [String: String] = [:],
    revision: RevisionReference? = nil
  ) {
    self.release = release
    self.pinnedImages = pinnedImages
    self.revision = revision
  }
}

/// An entry of the story that `kubectl describe` tells.
public struct DeploymentEvent: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case normal = "Normal"
    case warning = "Warning"
  }

  public var kind: Kind
  public var reason: String
  public var message: String

  public init(_ kind: Kind, _ reason: String, _ message: String) {
    self.kind = kind
    self.reason = reason
    self.message = message
  }
}
