/// A revision that was seen to run. A number alone does not name one: numbers begin anew where somebody uninstalls a
/// release and installs it again.
public struct RevisionReference: Sendable, Hashable {
  public var number: Int64
  /// Nil where it was not recorded, and for a runtime that keeps no manifests: then the number counts alone.
  public var manifestSha256: String?

  public init(_ number: Int64, manifestSha256: String? = nil) {
    self.number = number
    self.manifestSha256 = manifestSha256
  }

  public func names(_ revision: HelmObservation.Revision) -> Bool {
    revision.number == number && isContent(of: revision)
  }

  /// Whether the revision, whatever its number, deploys the same objects.
  public func isContent(of revision: HelmObservation.Revision) -> Bool {
    manifestSha256 == nil || manifestSha256 == revision.manifestSha256
  }
}

/// A Helm release and its live objects at one moment.
public struct HelmObservation: Sendable, Hashable {
  /// One entry of Helm's history.
  public struct Revision: Sendable, Hashable {
    public var number: Int64
    public var status: Status
    /// The version of the chart.
    public var version: String
    public var manifestSha256: String
    /// Why it is not known what it deploys: its Secret is damaged or too large; nil where it is.
    public var problem: String?

    public init(
      number: Int64, status: Status, version: String, manifestSha256: String = "", problem: String? = nil
    ) {
      self.number = number
      self.status = status
      self.version = version
      self.manifestSha256 = manifestSha256
      self.problem = problem
    }
  }

  /// The words of Helm.
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case unknown
    case deployed
    case uninstalled
    case superseded
    case failed
    case uninstalling
    case pendingInstall = "pending-install"
    case pendingUpgrade = "pending-upgrade"
    case pendingRollback = "pending-rollback"

    /// True while a Helm process works on it, or after one was killed.
    public var isPending: Bool {
      switch self {
      case .pendingInstall, .pendingUpgrade, .pendingRollback, .uninstalling: true
      case .unknown, .deployed, .uninstalled, .superseded, .failed: false
      }
    }
  }

  /// How a live object differs from what the release's manifest says.
  public struct Difference: Sendable, Hashable {
    public enum Change: Sendable, Hashable {
      case missing
      /// A field that the manifest sets: where it is, what it should be and what it is. Values of Secrets are not told.
      case field(pointer: String, expected: String, actual: String)
    }

    /// What keeps a difference from being corrected at once.
    public enum Obstacle: Sendable, Hashable {
      /// The last try failed, for this reason.
      case refused(String)
      /// It was corrected so often in a row and came back each time.
      case contested(corrections: Int)
    }

    /// `Deployment backend`
    public var object: String
    public var change: Change
    /// Who made it so, as the object's managed fields name it; nil where that is not known.
    public var manager: String?
    public var obstacle: Obstacle?

    public init(object: String, change: Change, manager: String? = nil, obstacle: Obstacle? = nil) {
      self.object = object
      self.change = change
      self.manager = manager
      self.obstacle = obstacle
    }
  }

  /// The health of one Deployment, StatefulSet, DaemonSet or Job of the release.
  public struct Workload: Sendable, Hashable {
    public enum Health: Sendable, Hashable {
      case healthy
      case starting(String)
      case unhealthy(String)
    }

    /// `Deployment backend`
    public var object: String
    public var health: Health

    public init(object: String, health: Health) {
      self.object = object
      self.health = health
    }
  }

  /// The newest; nil where the release is not installed.
  public var latest: Revision?
  public var differences: [Difference]
  public var workloads: [Workload]

  public init(latest: Revision?, differences: [Difference] = [], workloads: [Workload] = []) {
    self.latest = latest
    self.differences = differences
    self.workloads = workloads
  }
}
