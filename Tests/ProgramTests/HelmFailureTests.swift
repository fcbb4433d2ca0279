import DeploymentKinds
import ResourceModel
import TestSupport
import Testing

/// Upgrades through Helm that fail: the true reason is said, and the version before runs again, or all is left as it is.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmFailureTests {
  /// What is wrong with a release.
  struct Fault {
    var version: String
    var tag: String
    var values = ""
    var reason: String
    /// What the message names.
    var evidence: [String]
  }

  private static let faults = [
    Fault(version: "2.0.0", tag: "v99", reason: "ImagePullFailed", evidence: [":v99", "not found"]),
    Fault(
      version: "3.0.0", tag: "crash", reason: "WorkloadCrashed",
      evidence: ["cannot read the settings: no such table", "exit code 1"]),
    Fault(
      version: "4.0.0", tag: "v2",
      values: #"migration: {enabled: true, command: [/bin/sh, -c, "echo table users is locked; exit 4"]}"#,
      reason: "HookFailed", evidence: ["table users is locked", "exit code 4"]),
  ]

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func aFailedUpgradeSaysWhyAndTheVersionBeforeRunsAgain(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      let good = try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))
      for fault in Self.faults {
        let spec = try await environment.spec(
          fault.version, tag: fault.tag, values: fault.values, timeout: .seconds(30))
        let generation = try await environment.apply(spec).metadata.generation
        let failed = try await environment.wait(for: "the rollback of \(fault.version)") {
          $0.status?.failure?.generation == generation && $0.condition(DeploymentCondition.stalled)?.status == .isTrue
            && $0.condition(DeploymentCondition.remediated)?.status == .isTrue
        }
        #expect(failed.condition(DeploymentCondition.remediated)?.reason == "RolledBack")
        #expect(failed.condition(DeploymentCondition.stalled)?.reason == fault.reason)
        let ready = try #require(failed.condition(DeploymentCondition.ready))
        #expect(ready.status == .isFalse)
        for evidence in fault.evidence { #expect(ready.message.contains(evidence), "\(ready.message)") }
        #expect(ready.message.contains("1.0.0 (revision "), "\(ready.message)")
        #expect(failed.status?.current?.version == "1.0.0")
        #expect(failed.status?.current?.imageDigests == good.status?.current?.imageDigests)
        #expect(failed.status?.history?.first?.outcome == .rolledBack)
        let last = try #require(try await environment.helmHistory().last)
        #expect(last == "\(failed.status?.current?.revision ?? 0) deployed wrktalk-1.0.0")
        for service in ["backend", "media"] {
          #expect(try await environment.servedVersion(of: service) == "v1")
        }
        let events = try await environment.events { $0.contains { $0.hasPrefix("RolledBack: ") } }
        #expect(events.contains { $0.hasPrefix("\(fault.reason): \(fault.version) failed") }, "\(events)")
      }
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func whatIsHeldIsLeftAsTheFailureLeftIt(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))
      var spec = try await environment.spec("2.0.0", tag: "v99", timeout: .seconds(30))
      spec.failurePolicy = .hold
      try await environment.apply(spec)
      let held = try await environment.wait(for: "Stalled") {
        $0.condition(DeploymentCondition.stalled)?.status == .isTrue
      }
      #expect(held.condition(DeploymentCondition.stalled)?.reason == "ImagePullFailed")
      #expect(held.condition(DeploymentCondition.remediated) == nil)
      #expect(held.condition(DeploymentCondition.reconciling) == nil)
      #expect(held.condition(DeploymentCondition.ready)?.message.contains(":v99") == true)
      #expect(held.status?.history?.first?.outcome == .failed)
      #expect(
        try await environment.field(".spec.template.spec.containers[0].image", of: "deploy/wrktalk-backend").hasSuffix(
          ":v99"))
      #expect(try await environment.helmHistory() == ["1 deployed wrktalk-1.0.0", "2 failed wrktalk-2.0.0"])

      // A new spec ends the hold.
      let again = try await environment.deploy(try await environment.spec("2.0.1", tag: "v2"))
      #expect(again.status?.current?.revision == 3)
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }
}
