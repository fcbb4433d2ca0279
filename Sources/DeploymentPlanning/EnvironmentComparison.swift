public import DeploymentKinds

/// How an environment differs from what a release was started as.
public struct EnvironmentComparison: Sendable, Hashable {
  /// One difference in what runs, which converging to the release would undo.
  public enum Drift: Sendable, Hashable, CustomStringConvertible {
    case missing(service: String)
    case stopped(service: String, container: String, state: String)
    case otherImage(service: String, image: String, expected: String)
    case otherConfiguration(service: String)
    /// What `docker update` or `docker network` changed: each setting in words.
    case otherSettings(service: String, container: String, settings: [String])
    case tooFew(service: String, running: Int, expected: Int)
    case tooMany(service: String, running: Int, expected: Int)
    case extraService(String)
    case file(EnvironmentObservation.FileDifference)
    case notInstalled
    /// Somebody else used Helm.
    case otherRevision(HelmObservation.Revision, expected: Int64)
    /// Somebody uninstalled the release and installed something else.
    case otherRelease(HelmObservation.Revision)
    case notDeployed(HelmObservation.Revision)
    /// What the newest revision deploys is not known.
    case unreadable(String)
    case object(HelmObservation.Difference)

    public var description: String {
      switch self {
      case .missing(let service): "\(service) has no container"
      case .stopped(let service, let container, let state): "\(service): container \(container) \(state)"
      case .otherImage(let service, let image, let expected): "\(service) runs \(image) instead of \(expected)"
      case .otherConfiguration(let service): "\(service) runs with another configuration"
      case .otherSettings(let service, let container, let settings):
        "\(service): container \(container) has \(settings.joined(separator: ", "))"
      case .tooFew(let service, let running, let expected): "\(service) has \(running) of \(expected) containers"
      case .tooMany(let service, let running, let expected):
        "\(service) has \(running) containers instead of \(expected)"
      case .extraService(let service): "\(service) is not part of the release"
      case .file(let difference):
        switch difference.change {
        case .missing: "\(difference.path), which the release brings, is missing"
        case .changed: "\(difference.path) does not hold what the release brings"
        case .replaced: "\(difference.path) is not what the release brings, but of another kind"
        case .unknown: "\(difference.path) is used, but not known to hold what the release brings"
        }
      case .notInstalled: "the Helm release is not installed"
      case .otherRevision(let revision, let expected):
        "the Helm release is at revision \(revision.number) (chart \(revision.version), \(revision.status.rawValue)) "
          + "instead of \(expected)"
      case .otherRelease(let revision):
        "revision \(revision.number) of the Helm release (chart \(revision.version)) is not what was deployed under that number"
      case .notDeployed(let revision):
        "revision \(revision.number) of the Helm release is \(revision.status.rawValue)"
      case .unreadable(let problem): problem
      case .object(let difference):
        Self.text(of: difference)
      }
    }

    private static func text(of difference: HelmObservation.Difference) -> String {
      var text =
        switch difference.change {
        case .missing: "\(difference.object) is missing"
        case .field(let pointer, let expected, let actual):
          "\(difference.object) has \(actual) instead of \(expected) at \(pointer)"
        }
      if let manager = difference.manager { text += " (\(manager) set it)" }
      switch difference.obstacle {
      case nil, .refused?: return text
      case .contested(let corrections)?: return "\(text), and came back after each of \(corrections) corrections"
      }
    }

    /// True for what cannot be corrected at once.
    public var isHeldUp: Bool {
      if case .object(let difference) = self { difference.obstacle != nil } else { false }
    }

    /// True for what comes back however often it is corrected.
    public var isContested: Bool {
      if case .object(let difference) = self, case .contested? = difference.obstacle { true } else { false }
    }
  }

  public enum Health: Sendable, Hashable {
    case healthy
    /// Waiting for first health checks.
    case starting(String)
    case unhealthy(String)
  }

  /// In order of service names.
  public var drifts: [Drift]
  public var health: Health

  public var isMatching: Bool { drifts.isEmpty && health == .healthy }

  /// True where something has drifted beside what could not be corrected: that does not wait for the other.
  var isPartlyHeldUp: Bool { drifts.contains(where: \.isHeldUp) && !drifts.allSatisfy(\.isHeldUp) }

  /// The differences in one sentence; at most three by name.
  public var driftText: String {
    let named = drifts.prefix(3).map(\.description).joined(separator: "; ")
    return drifts.count > 3 ? "\(named); and \(drifts.count - 3) more" : named
  }

  public init(_ current: DesiredDeploymentStatus.Current, observed: EnvironmentObservation) {
    switch observed {
    case .compose(let containers, let files):
      self.init(expected: current.services, containers: containers)
      drifts += files.map(Drift.file)
    case .helm(let observation): self.init(expected: current.reference, observation)
    }
  }

  /// What differs from a revision of a Helm release. Differences of single objects count only where that revision is
  /// what is deployed: otherwise they follow from it.
  init(expected: RevisionReference, _ observation: HelmObservation) {
    drifts =
      switch observation.latest {
      case nil: [.notInstalled]
      case let latest? where latest.problem != nil: [.unreadable(latest.problem ?? "")]
      case let latest? where latest.number != expected.number:
        [.otherRevision(latest, expected: expected.number)]
      case let latest? where !expected.names(latest): [.otherRelease(latest)]
      case let latest? where latest.status != .deployed: [.notDeployed(latest)]
      case _?: observation.differences.map(Drift.object)
      }
    var starting: [String] = []
    var unhealthy: [String] = observation.latest == nil ? ["the Helm release is not installed"] : []
    for workload in observation.workloads {
      switch workload.health {
      case .healthy: break
      case .starting(let text): starting.append(text)
      case .unhealthy(let text): unhealthy.append(text)
      }
    }
    health = Self.health(starting: starting, unhealthy: unhealthy)
  }

  /// - Parameter expected: what the release's services were started as; nil where that is not known, so that nothing
  ///   counts as drift.
  init(expected: [DesiredDeploymentStatus.Service]?, containers: [EnvironmentObservation.Container]) {
    let containers = Dictionary(grouping: containers.lazy.filter { !$0.isOneOff }, by: \.service)
    var drifts: [Drift] = []
    var starting: [String] = []
    var unhealthy: [String] = []
    let expected = (expected ?? []).sorted { $0.name < $1.name }
    for service in expected {
      let present = (containers[service.name] ?? []).sorted { $0.name < $1.name }
      drifts += Self.drifts(of: service, in: present)
      for container in present {
        switch Self.health(of: container, in: service) {
        case .healthy: break
        case .starting(let text): starting.append(text)
        case .unhealthy(let text): unhealthy.append(text)
        }
      }
      if present.isEmpty, service.replicas > 0, !service.runsToCompletion {
        unhealthy.append("\(service.name) has no container")
      }
    }
    if !expected.isEmpty {
      let names = Set(expected.map(\.name))
      drifts += containers.keys.filter { !names.contains($0) }.sorted().map(Drift.extraService)
    }
    self.drifts = drifts
    self.health = Self.health(starting: starting, unhealthy: unhealthy)
  }

  private static func health(starting: [String], unhealthy: [String]) -> Health {
    if !unhealthy.isEmpty { return .unhealthy(sentence(unhealthy)) }
    return starting.isEmpty ? .healthy : .starting(sentence(starting))
  }

  private static func sentence(_ parts: [String]) -> String {
    let named = parts.prefix(3).joined(separator: "; ")
    return parts.count > 3 ? "\(named); and \(parts.count - 3) more" : named
  }

  private static func drifts(
    of service: DesiredDeploymentStatus.Service, in present: [EnvironmentObservation.Container]
  ) -> [Drift] {
    if present.isEmpty {
      return service.runsToCompletion || service.replicas == 0 ? [] : [.missing(service: service.name)]
    }
    var drifts: [Drift] = []
    if let other = present.first(where: { $0.imageID != service.imageID }) {
      drifts.append(.otherImage(service: service.name, image: other.image, expected: service.image))
    } else if present.contains(where: { $0.configHash != service.configHash }) {
      drifts.append(.otherConfiguration(service: service.name))
    } else if let changed = otherSettings(in: present, of: service) {
      drifts.append(changed)
    }
    if service.runsToCompletion { return drifts }
    let stopped = present.filter { !isDone($0, in: service) }.compactMap { container -> Drift? in
      stoppedState(of: container).map { .stopped(service: service.name, container: container.name, state: $0) }
    }
    drifts += stopped
    if present.count > service.replicas {
      drifts.append(.tooMany(service: service.name, running: present.count, expected: service.replicas))
    } else if stopped.isEmpty, present.count < service.replicas {
      drifts.append(.tooFew(service: service.name, running: present.count, expected: service.replicas))
    }
    return drifts
  }

  private static func otherSettings(
    in present: [EnvironmentObservation.Container], of service: DesiredDeploymentStatus.Service
  ) -> Drift? {
    guard let expected = service.settings else { return nil }
    for container in present {
      guard let actual = container.settings, actual != expected else { continue }
      let names = Set(expected.keys).union(actual.keys).filter { expected[$0] != actual[$0] }
      let words = names.sorted().map { name in
        "\(name) \(actual[name] ?? "unset") instead of \(expected[name] ?? "unset")"
      }
      return .otherSettings(service: service.name, container: container.name, settings: words)
    }
    return nil
  }

  /// True for a container of a job that has come to its good end.
  static func isDone(
    _ container: EnvironmentObservation.Container, in service: DesiredDeploymentStatus.Service
  ) -> Bool {
    container.state == .exited(code: 0) && (service.runsToCompletion || service.mayComplete == true)
  }

  /// Nil for a container that runs, or that the engine is starting again by itself.
  private static func stoppedState(of container: EnvironmentObservation.Container) -> String? {
    switch container.state {
    case .running, .restarting: nil
    case .created: "was never started"
    case .paused: "is paused"
    case .exited(let code): "stopped with exit code \(code)"
    case .dead: "is dead"
    }
  }

  private static func health(
    of container: EnvironmentObservation.Container, in service: DesiredDeploymentStatus.Service
  ) -> Health {
    if isDone(container, in: service) { return .healthy }
    if service.runsToCompletion {
      switch container.state {
      case .exited(let code) where code != 0:
        return .unhealthy("\(container.service): container \(container.name) ended with exit code \(code)")
      default: return .healthy
      }
    }
    if let stopped = stoppedState(of: container) {
      return .unhealthy("\(container.service): container \(container.name) \(stopped)")
    }
    if container.state == .restarting {
      return .unhealthy("\(container.service): container \(container.name) keeps restarting")
    }
    return switch container.health {
    case .none, .healthy: .healthy
    case .starting: .starting("\(container.service): container \(container.name) is starting")
    case .unhealthy: .unhealthy("\(container.service): container \(container.name) fails its health check")
    }
  }
}
