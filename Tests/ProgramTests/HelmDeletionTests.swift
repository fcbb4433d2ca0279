import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing

/// What becomes of a Helm release when its deployment is deleted.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmDeletionTests {
  /// The policy is one of the Agent, so that either source serves for either Helm.
  private static let sources: [(HelmEdition, HelmEnvironment.Source)] = HelmEdition.offered.map {
    ($0, $0 == .helm3 ? .backend : .cluster)
  }

  @Test(arguments: sources.sharedOut(0))
  func theReleaseStaysOrGoesAsThePolicySays(
    _ edition: HelmEdition, _ source: HelmEnvironment.Source
  ) async throws {
    try await HelmEnvironment.use(edition, source: source) { environment in
      try await environment.startAgent()
      var spec = try await environment.spec("1.0.0", tag: "v1")
      spec.deletionPolicy = .orphan
      try await environment.deploy(spec)
      try await environment.client.delete(DesiredDeploymentKind.names, environment.key)
      try await environment.client.waitUntilDeploymentIsGone(environment.key, within: .seconds(20))
      #expect(try await environment.helmHistory() == ["1 deployed wrktalk-1.0.0"])
      #expect(try await environment.servedVersion(of: "backend") == "v1")

      // A new record takes the release over.
      spec.deletionPolicy = .uninstall
      let adopted = try await environment.deploy(spec)
      #expect(adopted.status?.current?.revision == 1)
      #expect(adopted.metadata.finalizers == [DesiredDeploymentKind.finalizer])
      try await environment.client.delete(DesiredDeploymentKind.names, environment.key)
      try await environment.client.waitUntilDeploymentIsGone(environment.key, within: .seconds(60))
      // Helm's own records are Secrets too.
      let left = try await environment.session.kubectl("get", "deploy,service,configmap,secret", "-o", "name")
      #expect(!left.contains("wrktalk"), "\(left)")
      #expect(
        try await environment.events { $0.contains { $0.hasPrefix("Uninstalling") } }.contains {
          $0.hasPrefix("Uninstalling")
        })
    }
  }

  /// The namespace takes the Agent's lease and Helm's Secrets away before the record may go.
  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func aNamespaceThatIsDeletedWithItsRecordsEnds(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition, source: .cluster) { environment in
      try await environment.startAgent()
      var spec = try await environment.spec("1.0.0", tag: "v1")
      spec.deletionPolicy = .uninstall
      try await environment.deploy(spec)
      // Waits until all of it is gone.
      try await environment.session.kubectl("delete", "namespace", environment.namespace, "--timeout=120s")
    }
  }
}
