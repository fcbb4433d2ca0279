import CoreKinds
import Database
import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import ResourceStorage
import Testing
import WireFormats

@testable import Backend

/// Does at the DesiredDeployment what our Agent does, by its own planner: it decides, records what it begins, and what became of it.
/// What it deploys is thought of.
final class WatchingAgent {
  private let fixture: BackendFixture
  /// Of Helm's history.
  private(set) var revision: Int64 = 0
  /// Whether what is deployed is the last revision in full health.
  private var isIntact = true
  var license = DeploymentFacts.License.notConfigured

  init(_ fixture: BackendFixture) { self.fixture = fixture }

  func record() async throws -> DesiredDeployment {
    let stored = try #require(
      try await fixture.store.get(DesiredDeploymentKind.definition, fixture.parts.deployments.recordKey))
    return try stored.value().decoded()
  }

  /// Holds the Lease from now on for 15 seconds.
  func renewLease() async throws {
    let key = fixture.parts.deployments.leaseKey
    var lease = Lease(
      metadata: ObjectMeta(name: key.name, namespace: key.namespace),
      spec: .init(holderIdentity: "agent-1", leaseDurationSeconds: 15, renewTime: MicroTime(fixture.now)))
    let stored = try await fixture.store.get(LeaseKind.definition, key)
    lease.metadata.uid = stored?.uid ?? "lease"
    let object = try JSONValue(encoding: lease)
    _ = try await fixture.store.write(
      LeaseKind.definition, stored.map { .update(object: object, expected: $0.revision) } ?? .create(object: object))
  }

  /// One decision, recorded.
  @discardableResult
  func look() async throws -> Decision.Step {
    let record = try await record()
    let latest = HelmObservation.Revision(number: revision, status: isIntact ? .deployed : .failed, version: "")
    let facts = DeploymentFacts(
      now: fixture.now, runtime: record.spec.runtime,
      environment: record.spec.runtime == .helm
        ? .observed(.helm(HelmObservation(latest: revision == 0 ? nil : latest))) : .observed(.compose([])),
      license: license)
    let decision = DeploymentPlanner.decide(record, facts: facts)
    try await write(decision.status)
    return decision.step
  }

  /// Begins what the record asks for.
  func begin() async throws -> ReleasePlan {
    guard case .deploy(let plan) = try await look() else { throw AgentWaits(record: try await record()) }
    return plan
  }

  struct AgentWaits: Error {
    var record: DesiredDeployment
  }

  func succeed(_ plan: ReleasePlan) async throws {
    revision += 1
    isIntact = true
    var release = plan.release
    if let path = release.configPath, path.hasSuffix("/.env") { release.configPath = "\(path).v\(release.version)" }
    try await record(.deployed(release, RunningRelease(imageDigests: [:], revision: RevisionReference(revision))))
  }

  /// Begins, and has all of it run.
  func deploy() async throws { try await succeed(try await begin()) }

  /// - Parameter isUntouched: whether it fails before anything is changed.
  func fail(_ reason: String, _ message: String, isUntouched: Bool = false) async throws {
    if !isUntouched {
      try await record(.verified(.unsigned))
      revision += 1
      isIntact = false
    }
    try await record(.deploymentFailed(DeploymentFailure(isTransient: false, reason: reason, message: message)))
  }

  /// Brings back what ran before.
  func restore() async throws {
    guard case .restore(_, let purpose) = try await look() else { throw AgentWaits(record: try await record()) }
    revision += 1
    isIntact = true
    try await record(
      .restored(RunningRelease(imageDigests: [:], revision: RevisionReference(revision)), purpose))
    try await look()
  }

  private func record(_ outcome: DeploymentOutcome) async throws {
    try await write(DeploymentPlanner.record(outcome, of: try await record(), now: fixture.now).status)
  }

  private func write(_ status: DesiredDeploymentStatus) async throws {
    let key = fixture.parts.deployments.recordKey
    let stored = try #require(try await fixture.store.get(DesiredDeploymentKind.definition, key))
    var object = try stored.value()
    object["status"] = try JSONValue(encoding: status)
    _ = try await fixture.store.write(
      DesiredDeploymentKind.definition, .update(object: object, expected: stored.revision))
  }

  /// As a person does it with kubectl.
  func edit(_ change: (inout JSONValue) -> Void) async throws {
    let key = fixture.parts.deployments.recordKey
    let stored = try #require(try await fixture.store.get(DesiredDeploymentKind.definition, key))
    let old = try stored.value()
    var object = old
    change(&object)
    object["metadata"]?["generation"] = .integer((old["metadata"]?["generation"]?.integer ?? 0) + 1)
    let managedFields = FieldOwnership(DesiredDeploymentKind.definition).updated(
      from: old, to: object, requested: nil, by: "kubectl-edit", at: fixture.now)
    object["metadata"]?["managedFields"] = managedFields
    _ = try await fixture.store.write(
      DesiredDeploymentKind.definition, .update(object: object, expected: stored.revision))
  }
}

extension BackendFixture {
  func pass() async throws { try await parts.controller.pass() }

  func schedule(
    _ id: String, at time: Timestamp? = nil, override: String? = nil, isAutomatic: Bool = false
  ) async throws -> AgentTask {
    let request = ScheduleRequest(
      deploymentID: id, scheduledFor: time, actor: "ada@example.com", windowOverride: override, isAutomatic: isAutomatic
    )
    return try await database.transaction(.write) { [parts] in try parts.scheduler.schedule(request, in: $0) }
  }

  func rollBack(_ target: RollbackRequest.Target) async throws -> AgentTask {
    let request = RollbackRequest(target: target, actor: "ada@example.com")
    return try await database.transaction(.write) { [parts] in try parts.scheduler.rollBack(request, in: $0) }
  }

  func task(_ id: String) async throws -> AgentTask {
    try #require(try await database.transaction(.write) { try AgentTask.find(id: id, in: $0) })
  }

  func state() async throws -> DeploymentState {
    try await database.transaction(.read) { try DeploymentState.read($0, locked: false) }
  }

  /// Newest first.
  func history() async throws -> [DeploymentHistory] {
    try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(DeploymentHistory.columns(connection.dialect)) FROM deployment_history AS h ORDER BY h.\"deployedAt\" DESC"
      ).map(DeploymentHistory.init)
    }
  }

  /// `status` of what the vendor is told, in its order, as `kind:status`.
  func reported() async throws -> [String] {
    try await outbox(VendorReports.topic).map { "\($0["body"]?["status"]?.string ?? $0["kind"]?.string ?? "")" }
  }

  /// A version runs, deployed by the Agent that watches.
  func run(_ version: String, by agent: WatchingAgent, settings: [(String, String)] = []) async throws {
    let id = try await addDownloaded(Self.offer(version))
    _ = try await schedule(id)
    try await agent.deploy()
    try await pass()
    advance(.seconds(60))
  }
}
