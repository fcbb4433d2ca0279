import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import DeploymentPlanning

/// What a Helm release's revision, objects and workloads come to.
struct HelmComparisonTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var observation: HelmObservation
    var drifts: [String]
    var isHealthy: Bool
  }

  static let scaled = HelmObservation.Difference(
    object: "Deployment media", change: .field(pointer: "/spec/replicas", expected: "2", actual: "5"))

  static func revision(
    _ number: Int64, _ status: HelmObservation.Status = .deployed, manifest: String = "good"
  ) -> HelmObservation.Revision {
    .init(number: number, status: status, version: "2.2.0", manifestSha256: manifest)
  }

  static let rows: [Row] = [
    Row(testDescription: "as deployed", observation: .init(latest: revision(4)), drifts: [], isHealthy: true),
    Row(
      testDescription: "uninstalled", observation: .init(latest: nil), drifts: ["the Helm release is not installed"],
      isHealthy: false),
    Row(
      testDescription: "upgraded by hand", observation: .init(latest: revision(5), differences: [scaled]),
      drifts: ["the Helm release is at revision 5 (chart 2.2.0, deployed) instead of 4"], isHealthy: true),
    Row(
      testDescription: "uninstalled and another installed by hand",
      observation: .init(latest: revision(4, manifest: "other"), differences: [scaled]),
      drifts: ["revision 4 of the Helm release (chart 2.2.0) is not what was deployed under that number"],
      isHealthy: true),
    Row(
      testDescription: "kept in Helm's history only", observation: .init(latest: revision(4, .uninstalled)),
      drifts: ["revision 4 of the Helm release is uninstalled"], isHealthy: true),
    Row(
      testDescription: "changed and removed by hand",
      observation: .init(
        latest: revision(4), differences: [scaled, .init(object: "Service backend", change: .missing)]),
      drifts: ["Deployment media has 5 instead of 2 at /spec/replicas", "Service backend is missing"], isHealthy: true),
    Row(
      testDescription: "a pod that crashed",
      observation: .init(
        latest: revision(4),
        workloads: [
          .init(object: "Deployment backend", health: .healthy),
          .init(object: "Deployment media", health: .unhealthy("Deployment media 0/1 ready")),
        ]), drifts: [], isHealthy: false),
    Row(
      testDescription: "a rollout that goes on",
      observation: .init(
        latest: revision(4), workloads: [.init(object: "Deployment media", health: .starting("media 1/2 ready"))]),
      drifts: [], isHealthy: false),
  ]

  @Test(arguments: rows)
  func aReleaseIsComparedWithItsRevision(_ row: Row) {
    let comparison = EnvironmentComparison(
      expected: RevisionReference(4, manifestSha256: "good"), row.observation)
    #expect(comparison.drifts.map(\.description) == row.drifts)
    #expect((comparison.health == .healthy) == row.isHealthy)
  }

  static func drifted(_ differences: [HelmObservation.Difference]) -> DeploymentFacts.Environment {
    .observed(.helm(HelmObservation(latest: revision(4, manifest: ""), differences: differences)))
  }

  static func held(_ obstacle: HelmObservation.Difference.Obstacle) -> HelmObservation.Difference {
    var difference = scaled
    difference.manager = "autoscaler"
    difference.obstacle = obstacle
    return difference
  }

  @Test func whatIsFoughtOverIsNamedWithWhoAndNotCorrectedAtOnce() {
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()),
      facts: facts(Self.drifted([Self.held(.contested(corrections: 3))])))
    let condition = decision.status.conditions?[DeploymentCondition.drifted]
    #expect(decision.stepName == "settled for 1m")
    #expect(condition?.reason == "DriftContested")
    #expect(
      condition?.message.hasPrefix(
        "Deployment media has 5 instead of 2 at /spec/replicas (autoscaler set it), and came back after each of 3 "
          + "corrections") == true, "\(condition?.message ?? "")")
    #expect(decision.events.map(\.reason).contains("DriftContested"))
  }

  @Test func whatCannotBeCorrectedKeepsNothingElseWaiting() {
    let refused = Self.held(.refused("no"))
    let other = HelmObservation.Difference(object: "Service backend", change: .missing)
    let first = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(Self.drifted([Self.scaled])))
    let failed = DeploymentPlanner.record(
      .restoreFailed(.init(isTransient: true, reason: "CorrectionRefused", message: "no"), .driftCorrection),
      of: deployment(spec("2.2.0"), status: first.status), now: moment
    ).status
    let object = deployment(spec("2.2.0"), status: failed)
    #expect(DeploymentPlanner.decide(object, facts: facts(Self.drifted([refused]))).stepName == "settled for 10s")
    #expect(
      DeploymentPlanner.decide(object, facts: facts(Self.drifted([refused, other]))).stepName == "correct to 2.2.0")
    #expect(
      DeploymentPlanner.decide(object, facts: facts(Self.drifted([Self.scaled]))).stepName == "settled for 10s",
      "where nothing is known of single objects all of them wait")
  }

  @Test func aDigestThatWasNotRecordedIsNotCompared() {
    let observation = HelmObservation(latest: Self.revision(4, manifest: "other"))
    #expect(EnvironmentComparison(expected: RevisionReference(4), observation).isMatching)
  }

  /// A rollback is a revision of its own for Helm, so what is current moves on with it.
  @Test func theRevisionThatHelmGivesIsTheCurrentOne() throws {
    let now = Timestamp(seconds: 1_800_000_000)
    let artifact = DesiredDeploymentSpec.Artifact(path: "a.tgz", sha256: String(repeating: "a", count: 64))
    var object = DesiredDeployment(
      metadata: ObjectMeta(name: "wrktalk", namespace: "wrktalk", generation: 1),
      spec: DesiredDeploymentSpec(
        version: "1.0.0", runtime: .helm, artifact: artifact, helm: .init(releaseName: "wrktalk")))
    let release = DesiredDeploymentStatus.Release(version: "1.0.0", artifact: artifact)
    object.status =
      DeploymentPlanner.record(
        .deployed(release, RunningRelease(imageDigests: [:], revision: .init(7, manifestSha256: "m7"))), of: object,
        now: now
      ).status
    #expect(object.status?.current?.revision == 7)
    #expect(object.status?.current?.services == nil)
    #expect(object.status?.history?.first?.revision == 7)
    object.status =
      DeploymentPlanner.record(
        .restored(RunningRelease(imageDigests: [:], revision: .init(9, manifestSha256: "m7")), .driftCorrection),
        of: object, now: now
      ).status
    #expect(object.status?.current?.revision == 9)
    let facts = DeploymentFacts(
      now: now, runtime: .helm,
      environment: .observed(.helm(HelmObservation(latest: Self.revision(9, manifest: "m7")))))
    #expect(DeploymentPlanner.decide(object, facts: facts).step == .settled(recheckAfter: .seconds(60)))
    // Both numbers lead back to the release.
    for revision in [Int64(7), 9] {
      object.spec.rollbackTo = .init(revision: revision)
      guard case .release(let plan) = DesiredRelease(spec: object.spec, status: object.status) else {
        Issue.record("revision \(revision) was not found")
        continue
      }
      #expect(plan.release == release)
      #expect(plan.revision == RevisionReference(revision, manifestSha256: "m7"))
    }
  }
}
