import DeploymentKinds
import FoundationEssentials
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// What the fields of the record mean, with the real programs.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct PolicyTests {
  @Test func aSuspendedRecordIsLeftAloneUntilItIsResumed() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      var spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
      spec.suspend = true
      let suspended = try await environment.apply(spec)
      try await environment.wait(for: "the suspension to be said") {
        $0.status?.observedGeneration == suspended.metadata.generation
          && $0.status?.conditions?[DeploymentCondition.ready]?.reason == "Suspended"
      }
      #expect(try await environment.containers().isEmpty)
      spec.suspend = false
      try await environment.apply(spec)
      try await environment.waitUntilReady()
    }
  }

  @Test func aScheduledReleaseWaitsForItsWindow() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      var spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
      let soon = Timestamp(seconds: Int64(Date.now.timeIntervalSince1970) + 4)
      spec.schedule = .init(notBefore: soon, startingDeadline: DurationText(.seconds(60)))
      try await environment.apply(spec)
      let ready = try await environment.waitUntilReady()
      let started = try #require(ready.status?.history?.first?.startedAt)
      #expect(started >= soon)
    }
  }

  @Test func aMissedScheduleRunsNothingUntilItIsRescheduled() async throws {
    try await CustomerEnvironment.use { environment in
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      var spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
      let past = Timestamp(seconds: Int64(Date.now.timeIntervalSince1970) - 3600)
      spec.schedule = .init(notBefore: past, startingDeadline: DurationText(.seconds(60)))
      try await environment.apply(spec)
      try await environment.startAgent()
      let missed = try await environment.wait(for: "MissedSchedule") {
        $0.status?.conditions?[DeploymentCondition.stalled]?.reason == "MissedSchedule"
      }
      #expect(missed.status?.lastAttemptedGeneration == nil)
      #expect(try await environment.containers().isEmpty)
      spec.schedule = nil
      try await environment.apply(spec)
      try await environment.waitUntilReady()
    }
  }

  @Test func aFailedGenerationIsTriedAgainWhenAskedFor() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      let key = "bucket/artifacts/compose/wrktalk-1.0.0-compose.tar.gz"
      let hidden = environment.folder.file("hidden.tar.gz")
      try FileManager.default.moveItem(atPath: environment.folder.file(key), toPath: hidden)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.wait(for: "Stalled") { $0.status?.conditions?.isTrue(DeploymentCondition.stalled) == true }
      try FileManager.default.moveItem(atPath: hidden, toPath: environment.folder.file(key))
      _ = try await environment.client.mergePatch(
        DesiredDeploymentKind.definition.names, CustomerEnvironment.key,
        ["metadata": ["annotations": [DesiredDeploymentKind.retryAnnotation: "once more"]]])
      let ready = try await environment.waitUntilReady()
      #expect(ready.status?.failure == nil)
      #expect(ready.status?.lastHandledRetryRequest == "once more")
    }
  }

  @Test func inSyncARetryDeploysTheSettingsAsTheyAreNow() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let images = try Testbed.location(of: .images)
      let artifact = try await environment.publish(
        version: "1.0.0",
        composeFile: twoServices.replacing(
          "  backend:\n", with: "  backend:\n    environment: {COLOUR: \"${COLOUR}\"}\n"))
      try environment.setSettings(["REGISTRY": images, "COLOUR": "green"])
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let first = try await environment.waitUntilReady()
      let media = try await environment.containerID(of: "media")

      try environment.setSettings(["REGISTRY": images, "COLOUR": "red"])
      _ = try await environment.client.mergePatch(
        DesiredDeploymentKind.definition.names, CustomerEnvironment.key,
        ["metadata": ["annotations": [DesiredDeploymentKind.retryAnnotation: "once more"]]])
      let second = try await environment.wait(for: "the new settings") {
        $0.isReady && $0.status?.lastHandledRetryRequest == "once more"
      }
      #expect(second.metadata.generation == first.metadata.generation)
      #expect(second.status?.history?.count == 2)
      let backend = try await environment.containerID(of: "backend")
      let variables = try await CustomerEnvironment.command("docker", "exec", backend, "/bin/busybox", "env")
      #expect(variables.contains("COLOUR=red"))
      #expect(try await environment.containerID(of: "media") == media, "what does not change goes on running")
    }
  }

  @Test func driftIsOnlyWarnedOfWhereThePolicySaysSo() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1", drift: .warn))
      try await environment.waitUntilReady()
      try await CustomerEnvironment.command("docker", "stop", try await environment.containerID(of: "media"))
      let drifted = try await environment.wait(for: "Drifted") {
        $0.status?.conditions?.isTrue(DeploymentCondition.drifted) == true
      }
      #expect(drifted.status?.conditions?[DeploymentCondition.drifted]?.message.contains("media") == true)
      #expect(try await environment.containers()["media"] == "exited")
    }
  }

  @Test func twoRecordsOfOneProjectDoNotFight() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      let spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
      try await environment.apply(spec)
      try await environment.waitUntilReady()
      let key = ObjectKey(namespace: CustomerEnvironment.key.namespace, name: "younger")
      let younger = DesiredDeployment(
        metadata: ObjectMeta(name: key.name, namespace: key.namespace),
        spec: environment.spec(version: "2.0.0", artifact: artifact, tag: "v2"))
      _ = try await environment.client.create(younger)
      try await environment.wait(for: "the younger record to be refused", key: key) {
        $0.status?.conditions?[DeploymentCondition.stalled]?.reason == "TargetInUse"
      }
      #expect(try await environment.servedVersion(of: "media") == "v1")
    }
  }

  @Test func sigtermLetsARunningUpgradeFinish() async throws {
    try await CustomerEnvironment.use { environment in
      let agent = try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.wait(for: "the workloads to be started") {
        $0.status?.progress?.step == .starting || $0.status?.progress?.step == .waitingForWorkloads
      }
      #expect(await agent.stop() == .exited(code: 0))
      let deployment = try await environment.deployment()
      #expect(deployment.status?.conditions?.isTrue(DeploymentCondition.ready) == true)
    }
  }
}
