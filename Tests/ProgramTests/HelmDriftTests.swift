import DeploymentKinds
import ResourceModel
import TestSupport
import Testing

/// What is changed with kubectl or helm behind the Agent's back.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmDriftTests {
  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func whatWasChangedInTheClusterIsToldOfThenCorrected(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      var spec = try await environment.spec("1.0.0", tag: "v1", values: "settings: {GREETING: hello}")
      spec.drift = .warn
      spec.driftIgnore = [.init(kind: "Deployment", name: "wrktalk-media", paths: ["/spec/replicas"])]
      try await environment.deploy(spec)

      let cluster = environment.session
      try await cluster.kubectl("scale", "deploy/wrktalk-media", "--replicas=2")
      // One revision, or two where a slow machine lost its lease in the midst.
      let history = try await environment.helmHistory()
      try await cluster.kubectl("scale", "deploy/wrktalk-backend", "--replicas=3")
      try await cluster.kubectl(
        "set", "image", "deploy/wrktalk-media", "media=\(try Testbed.location(of: .images))/media:v3")
      try await cluster.kubectl("patch", "cm/wrktalk-settings", "-p", #"{"data":{"GREETING":"goodbye"}}"#)
      let images = try Testbed.location(of: .images)
      let differences = [
        "Deployment wrktalk-backend has 3 instead of 1 at /spec/replicas", "\(images)/media:v3",
        // A ConfigMap's values may be as secret as a Secret's.
        "ConfigMap wrktalk-settings has another value instead of what the release says at /data/GREETING",
      ]
      let warned = try await environment.wait(for: "all three differences") { deployment in
        differences.allSatisfy { deployment.condition(DeploymentCondition.drifted)?.message.contains($0) == true }
      }
      #expect(warned.condition(DeploymentCondition.drifted)?.status == .isTrue)
      #expect(warned.condition(DeploymentCondition.drifted)?.message.contains("wrktalk-media has 2 ") == false)
      try await cluster.kubectl("delete", "service", "wrktalk-media")
      let missing = "Service wrktalk-media is missing"
      try await environment.wait(for: "the missing Service") {
        $0.condition(DeploymentCondition.drifted)?.message.contains(missing) == true
      }
      let events = try await environment.events { $0.contains { $0.contains(missing) } }
      #expect(events.contains { $0.hasPrefix("DriftDetected: ") && $0.contains(missing) }, "\(events)")
      #expect(try await environment.field(".spec.replicas", of: "deploy/wrktalk-backend") == "3")

      spec.drift = .correct
      try await environment.apply(spec)
      try await waitUntilCorrected(environment)
      #expect(try await environment.field(".spec.replicas", of: "deploy/wrktalk-backend") == "1")
      #expect(
        try await environment.field(".spec.template.spec.containers[0].image", of: "deploy/wrktalk-media")
          == "\(images)/media:v1")
      #expect(try await environment.field(".data.GREETING", of: "cm/wrktalk-settings") == "hello")
      #expect(try await environment.field(".spec.ports[0].port", of: "service/wrktalk-media") == "8080")
      #expect(try await environment.field(".spec.replicas", of: "deploy/wrktalk-media") == "2")
      #expect(try await environment.helmHistory() == history)
      #expect(
        try await environment.events { $0.contains { $0.hasPrefix("DriftCorrected") } }.contains {
          $0.hasPrefix("DriftCorrected")
        })
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func whatWasDoneWithHelmByHandIsUndone(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      let chart = environment.folder.file("bucket/artifacts/helm/wrktalk-1.0.0.tgz")
      try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))

      try await environment.helm(
        "upgrade", "wrktalk", chart, "--reuse-values", "--set", "media.image.tag=v2")
      let undone = try await waitUntilCorrected(environment)
      // One more where an Agent lost its lease in the midst, and the rollback was done once more.
      let revision = try #require(undone.status?.current?.revision)
      #expect(revision >= 3)
      #expect(try await environment.helmHistory().last == "\(revision) deployed wrktalk-1.0.0")
      #expect(try await environment.servedVersion(of: "media") == "v1")

      try await environment.helm("uninstall", "wrktalk")
      let installed = try await waitUntilCorrected(environment, after: undone)
      #expect(installed.status?.current?.revision == 1)
      #expect(try await environment.helmHistory() == ["1 deployed wrktalk-1.0.0"])
      #expect(try await environment.servedVersion(of: "media") == "v1")
      let events = try await environment.events { $0.contains { $0.contains("not installed") } }
      #expect(events.contains { $0.contains("the Helm release is at revision 2") }, "\(events)")
      // It may have been seen in the midst of that.
      #expect(
        events.contains { event in
          ["the Helm release is not installed", "is uninstalling", "is missing"].contains { event.contains($0) }
        },
        "\(events)")
    }
  }

  @discardableResult
  private func waitUntilCorrected(
    _ environment: HelmEnvironment, after earlier: DesiredDeployment? = nil
  ) async throws -> DesiredDeployment {
    // The count of corrections begins anew where a slow machine takes long between two of them; the time does not.
    let before = earlier?.condition(DeploymentCondition.drifted)?.lastTransitionTime
    return try await environment.wait(for: "the correction") { deployment in
      guard let drifted = deployment.condition(DeploymentCondition.drifted) else { return false }
      return deployment.isReady && drifted.reason == "Corrected" && drifted.lastTransitionTime != before
    }
  }
}
