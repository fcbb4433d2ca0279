import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import WireFormats

/// The moment of all tables: 2026-12-15T02:00:00Z.
let moment = Timestamp(seconds: 1_797_300_000)

func digest(_ version: String) -> String {
  let character = version.first.map(String.init) ?? "0"
  return String(repeating: character, count: 64)
}

func release(_ version: String, configPath: String? = "config/.env.v2.2.0") -> DesiredDeploymentStatus.Release {
  .init(
    version: version, artifact: .init(path: "artifacts/compose/wrktalk-\(version).tar.gz", sha256: digest(version)),
    configPath: configPath, imageTags: ["backend": "v\(version)"])
}

func spec(
  _ version: String, failurePolicy: FailurePolicy = .rollBack, drift: DriftPolicy = .correct
) -> DesiredDeploymentSpec {
  let release = release(version)
  return DesiredDeploymentSpec(
    version: version, runtime: .compose, artifact: release.artifact, imageTags: release.imageTags,
    compose: .init(projectName: "wrktalk", envPath: release.configPath), failurePolicy: failurePolicy, drift: drift)
}

func services(_ version: String) -> [DesiredDeploymentStatus.Service] {
  ["backend", "media"].map { name in
    .init(
      name: name, image: "registry/\(name)@sha256:\(digest(version))", imageID: "sha256:\(name)-\(version)",
      configHash: "\(name)-\(version)", replicas: 1)
  }
}

func container(
  _ service: String, _ version: String, number: Int = 1, state: EnvironmentObservation.Container.State = .running,
  health: EnvironmentObservation.Container.Health = .healthy
) -> EnvironmentObservation.Container {
  .init(
    service: service, name: "wrktalk-\(service)-\(number)", id: "\(service)-\(number)", state: state, health: health,
    image: "registry/\(service)@sha256:\(digest(version))", imageID: "sha256:\(service)-\(version)",
    configHash: "\(service)-\(version)")
}

func running(_ version: String) -> EnvironmentObservation { .compose(containers(version)) }

func containers(_ version: String) -> [EnvironmentObservation.Container] {
  [container("backend", version), container("media", version)]
}

func current(_ version: String, revision: Int64 = 4) -> DesiredDeploymentStatus.Current {
  .init(
    version: version, revision: revision, artifactSha256: digest(version), release: release(version), imageDigests: [:],
    services: services(version), since: moment)
}

func condition(
  _ type: String, _ status: Condition.Status, _ reason: String = "Because", since: Timestamp = moment,
  message: String = "as told"
) -> Condition {
  Condition(
    type: type, status: status, observedGeneration: 1, lastTransitionTime: since, reason: reason, message: message)
}

func deployment(
  _ spec: DesiredDeploymentSpec, generation: Int64 = 7, status: DesiredDeploymentStatus? = nil,
  annotations: [String: String]? = nil
) -> DesiredDeployment {
  DesiredDeployment(
    metadata: .init(name: "wrktalk", namespace: "wrktalk", generation: generation, annotations: annotations),
    spec: spec,
    status: status)
}

func facts(
  _ environment: DeploymentFacts.Environment = .notObserved, license: DeploymentFacts.License = .valid,
  at now: Timestamp = moment
) -> DeploymentFacts {
  DeploymentFacts(now: now, environment: environment, license: license)
}

/// In sync with 2.2.0 at generation 6.
func settledStatus(_ version: String = "2.2.0") -> DesiredDeploymentStatus {
  let before = deployment(
    spec(version), generation: 6,
    status: .init(lastAttemptedGeneration: 6, current: current(version), attempts: 1))
  return DeploymentPlanner.decide(before, facts: facts(.observed(running(version)))).status
}

/// 2.3.0 failed at generation 7 over 2.2.0; nothing was done about it yet.
func failedStatus(
  _ spec: DesiredDeploymentSpec = spec("2.3.0"), reason: String = "WorkloadUnhealthy", isTransient: Bool = false,
  attempts: Int = 1, over status: DesiredDeploymentStatus = settledStatus()
) -> DesiredDeploymentStatus {
  let started = DeploymentPlanner.decide(deployment(spec, status: status), facts: facts())
  var attempted = started.status
  attempted.attempts = attempts
  return DeploymentPlanner.record(
    .deploymentFailed(.init(isTransient: isTransient, reason: reason, message: "media fails its health check")),
    of: deployment(spec, status: attempted), now: moment
  ).status
}

extension Decision {
  /// The step's name, for tables.
  var stepName: String {
    switch step {
    case .forget: "forget"
    case .addFinalizer: "add finalizer"
    case .removeFinalizer: "remove finalizer"
    case .uninstall: "uninstall"
    case .observe: "observe"
    case .checkLicense: "checkLicense"
    case .deploy(let plan): "deploy \(plan.release.version)"
    case .restore(let plan, .rollback): "roll back to \(plan.release.version)"
    case .restore(let plan, .driftCorrection): "correct to \(plan.release.version)"
    case .preflight(let plan): "preflight \(plan.release.release.version)"
    case .retry(let failure): "retry \(failure.reason)"
    case .settled(nil): "settled"
    case .settled(let delay?): "settled for \(DurationText(delay))"
    }
  }

  func reason(_ type: String) -> String? { status.conditions?[type]?.reason }
}
