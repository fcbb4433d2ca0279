import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// The return to what ran before where Helm's own rollback cannot succeed, and what failed versions leave behind.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine)
struct HelmRemediationTests {
  /// Fails because a selector never changes, after Helm has made and changed what comes before it.
  private static func broken(_ stack: HelmStack, _ version: String, tag: String) throws -> PreparedRelease {
    try stack.release(
      version, of: HelmStack.configMap("new", "A: x"), try HelmStack.deployment(tag: tag, environment: ["LEFT"]),
      try HelmStack.deployment("zz", tag: "v1", label: "other"))
  }

  private static func good(_ stack: HelmStack, _ version: String, tag: String) throws -> PreparedRelease {
    try stack.release(
      version, of: HelmStack.configMap("old", "A: x"), try HelmStack.deployment(tag: tag),
      try HelmStack.deployment("zz", tag: "v1"))
  }

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func whatAFailedVersionLeftIsGoneAfterTheReturnToTheOneBefore(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let first = try Self.good(stack, "1.0.0", tag: "v1")
      let deployed = try #require(try await stack.deploy(first).revision)
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try Self.broken(stack, "2.0.0", tag: "v1"))
      }
      #expect(failure?.kind == .permanent, "\(String(describing: failure))")
      // Helm's rollback would fail at the object that the failed version has no more: the release is deployed again.
      #expect(try await stack.restore(deployed) == nil)
      let again = try await stack.deploy(first)
      try await stack.expectNothingLeft(by: again)
      #expect(try await stack.history() == ["1 superseded", "2 failed", "3 deployed"])
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func whatAFailedVersionLeftIsGoneAfterTheNextOne(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      _ = try await stack.deploy(try Self.good(stack, "1.0.0", tag: "v1"))
      await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try Self.broken(stack, "2.0.0", tag: "v1"))
      }
      let next = try await stack.deploy(try Self.good(stack, "3.0.0", tag: "v2"))
      try await stack.expectNothingLeft(by: next)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(2))
  func aClaimThatGrewStaysAndTheRestIsLookedAfter(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      try await stack.withGrowingStorage { claim in
        let deployed = try #require(
          try await stack.deploy(try stack.release("1.0.0", of: claim("1Gi"), try HelmStack.deployment(tag: "v1")))
            .revision)
        let failure = await #expect(throws: RuntimeFailure.self) {
          try await stack.deploy(try stack.release("2.0.0", of: claim("3Gi"), try HelmStack.deployment(tag: "v99")))
        }
        #expect(failure?.reason == "ImagePullFailed")
        let running = try #require(try await stack.restore(deployed))
        #expect(running.remnants.first?.contains("PersistentVolumeClaim data keeps its 3Gi") == true, "\(running)")
        let revision = try #require(running.revision)
        #expect(try await stack.history() == ["1 superseded", "2 superseded", "3 deployed"])
        #expect(try await stack.comparison(with: revision) { $0.isMatching }.isMatching)

        try await stack.kubectl("scale", "deployment/web", "--replicas=2")
        _ = try await stack.comparison(with: revision) { !$0.drifts.isEmpty }
        #expect(try await stack.restore(revision, .driftCorrection)?.revision?.number == 3)
        #expect(try await stack.field(".spec.replicas", of: "deployment/web") == "1")
        #expect(try await stack.history().count == 3)
      }
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(3))
  func aRollbackThatItsOwnHookForbidsIsRecognisedAtOnce(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let hook = """
        apiVersion: batch/v1
        kind: Job
        metadata: {name: guard, annotations: {helm.sh/hook: pre-rollback}}
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: guard
                  image: \(try Testbed.location(of: .images))/backend:v1
                  command: [/bin/sh, -c, "exit 1"]
        """
      let first = try stack.release("1.0.0", of: hook, try HelmStack.deployment(tag: "v1"))
      let deployed = try #require(try await stack.deploy(first).revision)
      await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try stack.release("2.0.0", of: hook, try HelmStack.deployment(tag: "v99")))
      }
      #expect(try await stack.restore(deployed) == nil)
      let again = try #require(try await stack.deploy(first).revision)
      #expect(try await stack.comparison(with: again) { $0.isMatching }.isMatching)
      #expect(try await stack.field(".spec.template.spec.containers[0].image", of: "deployment/web").hasSuffix(":v1"))
      #expect(!stack.progress.contains { $0.message.contains("somebody else") }, "\(stack.progress)")
    }
  }

  // MARK: Secrets of Helm that cannot be read

  @Test(arguments: HelmEdition.offered.sharedOut(4))
  func aManifestOfManyMegabytesIsDeployedAndLeftAgain(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let first = try stack.release("1.0.0", of: try HelmStack.deployment(tag: "v1"))
      _ = try await stack.deploy(first)
      let large = try stack.release("2.0.0", of: try HelmStack.deployment(tag: "v1"), Self.bulk(6))
      let deployed = try #require(try await stack.deploy(large).revision)
      #expect(try await stack.comparison(with: deployed) { $0.isMatching }.isMatching)

      // More than the Agent reads is refused before Helm has done anything.
      let before = try await stack.history()
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try stack.release("3.0.0", of: try HelmStack.deployment(tag: "v2"), Self.bulk(20)))
      }
      #expect(failure?.reason == "ReleaseTooLarge" && failure?.kind == .permanent, "\(String(describing: failure))")
      #expect(try await stack.history() == before)
      let small = try #require(try await stack.deploy(first).revision)
      #expect(try await stack.comparison(with: small) { $0.isMatching }.isMatching)
      #expect(try await !stack.kubectl("get", "configmaps", "-o", "name").contains("bulk"))
    }
  }

  /// So many objects of 900,000 bytes each.
  private static func bulk(_ count: Int) -> String {
    """
    {{- range until \(count) }}
    ---
    {apiVersion: v1, kind: ConfigMap, metadata: {name: bulk-{{ . }}}, data: {A: {{ repeat 900000 "a" }}}}
    {{- end }}
    """
  }

  @Test(arguments: HelmEdition.offered.sharedOut(5), [1, 2] as [Int64])
  func aDamagedRevisionIsNamedAndDeployedAgain(_ edition: HelmEdition, _ damaged: Int64) async throws {
    try await HelmStack.with(edition) { stack in
      var release = try stack.release("1.0.0", of: try HelmStack.deployment(tag: "v1"))
      var deployed = try #require(try await stack.deploy(release).revision)
      if damaged == 2 {
        release = try stack.release("2.0.0", of: try HelmStack.deployment(tag: "v2"))
        deployed = try #require(try await stack.deploy(release).revision)
      }
      let secret = HelmReleaseRecord.secretName(release: "wrktalk", revision: damaged)
      try await stack.kubectl("patch", "secret", secret, "--type=merge", "-p", #"{"data": {"release": "eHl6"}}"#)
      let comparison = try await stack.comparison(with: deployed) { !$0.drifts.isEmpty }
      #expect(comparison.driftText.contains("The Secret \(stack.namespace)/\(secret) cannot be read"), "\(comparison)")
      #expect(try await stack.restore(deployed, .driftCorrection) == nil)
      let again = try #require(try await stack.deploy(release).revision)
      #expect(again.number == damaged)
      #expect(try await stack.comparison(with: again) { $0.isMatching }.isMatching)
    }
  }
}

extension HelmStack {
  fileprivate func expectNothingLeft(by running: RunningRelease) async throws {
    #expect(running.remnants == [])
    let revision = try #require(running.revision)
    #expect(try await comparison(with: revision) { $0.isMatching }.isMatching)
    let left = try await kubectl("get", "configmaps", "-o", "name")
    #expect(left.contains("configmap/old") && !left.contains("configmap/new"), "\(left)")
    #expect(try await field(".spec.template.spec.containers[0].env", of: "deployment/web") == "")
  }

  /// A class of storage whose claims may grow, and a volume for one; `body` gets the claim of a size.
  fileprivate func withGrowingStorage(_ body: (_ claim: (String) -> String) async throws -> Void) async throws {
    let storage = """
      apiVersion: storage.k8s.io/v1
      kind: StorageClass
      metadata: {name: \(namespace)}
      provisioner: kubernetes.io/no-provisioner
      allowVolumeExpansion: true
      ---
      apiVersion: v1
      kind: PersistentVolume
      metadata: {name: \(namespace)}
      spec:
        storageClassName: \(namespace)
        capacity: {storage: 5Gi}
        accessModes: [ReadWriteOnce]
        hostPath: {path: \(folder.file("volume"))}
      """
    let file = try folder.write(storage, to: "storage.yaml")
    try await kubectl("apply", "-f", file)
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await body { size in
          """
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: {name: data}
          spec:
            storageClassName: \(namespace)
            accessModes: [ReadWriteOnce]
            resources: {requests: {storage: \(size)}}
          """
        })
    } catch { result = .failure(error) }
    try await kubectl("delete", "-f", file, "--wait=false")
    try result.get()
  }
}
