import CoreKinds
import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

/// What schema and rules accept, the types decode: a controller never meets an object it cannot read.
@Suite struct DecodingTests {
  @Test func everyAcceptedDeploymentDecodes() throws {
    var generator = SeededGenerator(state: 11)
    var accepted = 0
    for _ in 0..<400 {
      let object = DesiredDeploymentKind.definition.applyDefaults(
        to: [
          "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment", "metadata": ["name": "a"],
          "spec": ObjectGenerator.value(for: DesiredDeploymentSpec.schema, &generator),
          "status": ObjectGenerator.value(for: DesiredDeploymentStatus.schema, &generator),
        ])
      guard DesiredDeploymentKind.definition.validationErrors(in: object).isEmpty else { continue }
      accepted += 1
      #expect(throws: Never.self, "\(object.text)") { try object.decoded(as: DesiredDeployment.self) }
    }
    #expect(accepted > 30)
  }

  @Test func everyAcceptedEventAndLeaseDecodes() {
    var generator = SeededGenerator(state: 13)
    for _ in 0..<200 {
      var event = ObjectGenerator.value(for: Event.definition.schema, &generator)
      event["apiVersion"] = "v1"
      event["kind"] = "Event"
      event["metadata"] = ["name": "a"]
      event = Event.definition.applyDefaults(to: event)
      if Event.definition.validationErrors(in: event).isEmpty {
        #expect(throws: Never.self, "\(event.text)") { try event.decoded(as: Event.self) }
      }
      var lease = ObjectGenerator.value(for: LeaseKind.definition.schema, &generator)
      lease["apiVersion"] = "coordination.k8s.io/v1"
      lease["kind"] = "Lease"
      lease["metadata"] = ["name": "a", "creationTimestamp": nil]
      lease = LeaseKind.definition.applyDefaults(to: lease)
      if LeaseKind.definition.validationErrors(in: lease).isEmpty {
        #expect(throws: Never.self, "\(lease.text)") { try lease.decoded(as: Lease.self) }
      }
    }
  }

  /// A server drops what the schema does not know, so every field of a type must stand in it.
  @Test func theSchemaKnowsEveryFieldOfTheTypes() throws {
    let now = Timestamp(seconds: 1_800_000_000)
    let artifact = DesiredDeploymentSpec.Artifact(path: "a", sha256: "b")
    let values = DesiredDeploymentSpec.ValuesReference(kind: .secret, name: "a", key: "b", optional: true)
    let release = DesiredDeploymentStatus.Release(
      version: "1.0.0", artifact: artifact, configPath: "d", valuesFrom: [values], imageTags: ["a": "b"],
      releaseManifestSha256: "e")
    let service = DesiredDeploymentStatus.Service(name: "a", image: "b", imageID: "c", configHash: "d", replicas: 1)
    let deployment = DesiredDeployment(
      metadata: ObjectMeta(
        name: "a", namespace: "b", uid: "c", resourceVersion: "1", generation: 1, creationTimestamp: now,
        deletionTimestamp: now, labels: ["a": "b"], annotations: ["a": "b"], finalizers: ["a"]),
      spec: DesiredDeploymentSpec(
        version: "1.0.0", runtime: .compose, artifact: artifact, manifest: "{}",
        imageTags: ["a": "b"],
        helm: DesiredDeploymentSpec.Helm(releaseName: "a", valuesPath: "b", valuesFrom: [values]),
        compose: DesiredDeploymentSpec.Compose(projectName: "a", envPath: "b"),
        newNonEssentialEnvs: [DesiredDeploymentSpec.Setting(key: "A", value: "b")],
        schedule: DesiredDeploymentSpec.Schedule(notBefore: now),
        driftIgnore: [DesiredDeploymentSpec.DriftIgnoreRule(kind: "a", name: "b", paths: ["/c"])],
        deletionPolicy: .uninstall,
        rollbackTo: DesiredDeploymentSpec.RollbackTarget(revision: 1)),
      status: DesiredDeploymentStatus(
        observedGeneration: 1, agent: DesiredDeploymentStatus.Agent(identity: "a", term: 1),
        target: DesiredDeploymentStatus.Target(runtime: .compose, name: "a"), lastAttemptedGeneration: 1,
        attemptStartedAt: now, trustRootVersion: 1, lastHandledRetryRequest: "a",
        current: DesiredDeploymentStatus.Current(
          version: "1.0.0", revision: 1, artifactSha256: "b", release: release, imageDigests: ["a": "b"],
          services: [service], since: now),
        progress: DesiredDeploymentStatus.Progress(step: .pulling, done: 1, total: 2, message: "a"), attempts: 1,
        resumptions: 1, nextAttemptAt: now, corrections: 1,
        failure: DesiredDeploymentStatus.Failure(generation: 1, version: "1.0.0", reason: "A", message: "b", at: now),
        conditions: [
          Condition(
            type: "Ready", status: .isTrue, observedGeneration: 1, lastTransitionTime: now, reason: "A", message: "b")
        ],
        history: [
          DesiredDeploymentStatus.HistoryEntry(
            revision: 1, generation: 1, release: release, outcome: .deployed, message: "a", startedAt: now,
            completedAt: now,
            imageDigests: ["a": "b"], images: ["a": "b"])
        ],
        preflight: DesiredDeploymentStatus.Preflight(
          request: "a", version: "1.0.0", requestedAt: "b", attempts: 1, completedAt: now,
          checks: [.init("Ports", .passed, "c")])))
    let json = try JSONValue(encoding: deployment)
    #expect(DesiredDeploymentKind.definition.unknownFields(in: json) == [])
    #expect(DesiredDeploymentStatus.schema.validate(try #require(json["status"])) == [])
    // Every stored property is set above: none may be left out of this test.
    for child in Mirror(reflecting: try #require(deployment.status)).children {
      #expect(json["status"]?[child.label ?? ""] != nil, "status.\(child.label ?? "") is not tested")
    }
    for child in Mirror(reflecting: deployment.spec).children {
      #expect(json["spec"]?[child.label ?? ""] != nil, "spec.\(child.label ?? "") is not tested")
    }
  }

  @Test func aMomentInALeaseAlwaysHasSixDigits() throws {
    let whole = try JSONValue(encoding: [MicroTime(Timestamp(seconds: 0)), MicroTime(Timestamp(microseconds: 1))])
    #expect(whole == ["1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000001Z"])
    #expect(try whole.decoded(as: [MicroTime].self).first?.timestamp == Timestamp(seconds: 0))
  }

  @Test func anEventAboutAnotherNamespaceIsRefused() {
    let event: JSONValue = ["metadata": ["name": "a", "namespace": "b"], "involvedObject": ["namespace": "c"]]
    #expect(
      Event.definition.validationErrors(in: event).map(\.description) == [
        #"involvedObject.namespace: Invalid value: "c": does not match event.namespace"#
      ])
  }
}
