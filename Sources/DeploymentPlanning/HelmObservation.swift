/// A Helm release and its live objects at one moment.
public struct HelmObservation: Sendable, Hashable {
  /// One entry of Helm's history.
  public struct Revision: Sendable, Hashable {
    public var number: Int64
    public var status: Status
    /// The version of the chart.
    public var version: String

    public init(number: Int64, status: Status, version: String) {
      self.number = number
      self.status = status
      self.version = version
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

    /// `Deployment backend`
    public var object: String
    public var change: Change

    public init(object: String, change: Change) {
      self.object = object
      self.change = change
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
