import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The main job with the real programs and a real engine: releases converge, failures roll back, drift is repaired.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct ConvergenceTests {
  @Test func aReleaseConvergesThenTheNextThenABrokenOneRollsBack() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)

      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v1")

      let second = try await environment.publish(version: "2.0.0", composeFile: twoServices + "# 2\n")
      try await environment.apply(environment.spec(version: "2.0.0", artifact: second, tag: "v2"))
      let ready = try await environment.waitUntilReady()
      #expect(ready.status?.current?.revision == 2)
      #expect(try await environment.servedVersion(of: "backend") == "v2")

      let third = try await environment.publish(version: "3.0.0", composeFile: twoServices + "# 3\n")
      let broken = try await environment.apply(environment.spec(version: "3.0.0", artifact: third, tag: "crash"))
      let stalled = try await environment.wait(for: "Remediated") {
        $0.status?.conditions?.isTrue(DeploymentCondition.remediated) == true
          && $0.status?.conditions?.isTrue(DeploymentCondition.stalled) == true
      }
      #expect(stalled.status?.current?.version == "2.0.0")
      #expect(stalled.status?.failure?.generation == broken.metadata.generation)
      #expect(
        stalled.status?.conditions?[DeploymentCondition.ready]?.message.contains("cannot read the settings") == true)
      #expect(try await environment.servedVersion(of: "backend") == "v2")
      #expect(try await environment.containers() == ["backend": "running", "media": "running"])
    }
  }

  @Test(arguments: ["stop", "kill", "rm -f"])
  func aContainerDisturbedByHandIsPutRight(_ disturbance: String) async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.waitUntilReady()

      let victim = try await environment.containerID(of: "media")
      try await CustomerEnvironment.command("sh", "-c", "docker \(disturbance) \(victim)")
      try await environment.wait(for: "the drift to be corrected") {
        $0.status?.conditions?[DeploymentCondition.drifted]?.reason == "Corrected"
          && $0.status?.conditions?.isTrue(DeploymentCondition.ready) == true
      }
      #expect(try await environment.containers() == ["backend": "running", "media": "running"])
    }
  }

  /// With Compose's own label, and as anybody would start it who wants to hide in the project.
  @Test(arguments: ["--label com.docker.compose.config-hash=none --label com.docker.compose.container-number=1", ""])
  func aServiceAddedByHandIsRemoved(_ labels: String) async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.waitUntilReady()

      let images = try Testbed.location(of: .images)
      let stranger = try await CustomerEnvironment.command(
        "sh", "-c",
        """
        docker run -d --label com.docker.compose.project=\(environment.project) --label com.docker.compose.oneoff=False \
          --label com.docker.compose.service=stranger \(labels) \(images)/media:v1
        """)
      // The Agent may have removed it by now.
      let container = stranger.split(separator: "\n").last.map(String.init) ?? ""
      try await CustomerEnvironment.command("sh", "-c", "docker wait \(container) 2>/dev/null || true")
      try await environment.wait(for: "the drift to be corrected") {
        $0.status?.conditions?.isTrue(DeploymentCondition.drifted) != true
          && $0.status?.conditions?.isTrue(DeploymentCondition.ready) == true
      }
      #expect(try await environment.containers().keys.sorted() == ["backend", "media"])
    }
  }

  @Test func aWrongDigestIsRefusedAndNothingIsTouched() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      var artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      artifact.sha256 = String(repeating: "0", count: 64)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let stalled = try await environment.wait(for: "Stalled") {
        $0.status?.conditions?.isTrue(DeploymentCondition.stalled) == true
      }
      #expect(stalled.status?.conditions?[DeploymentCondition.artifactVerified]?.status == .isFalse)
      #expect(try await environment.containers().isEmpty)
    }
  }

  @Test func aSecondAgentStandsByAndTakesOverFromAKilledOne() async throws {
    try await CustomerEnvironment.use { environment in
      let first = try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.waitUntilReady()

      try await environment.startAgent([
        "WRKTALK_AGENT_COMPOSE_WORKING_DIR": environment.folder.file("second")
      ])
      await first.kill()
      let next = try await environment.publish(version: "2.0.0", composeFile: twoServices + "# 2\n")
      try await environment.apply(environment.spec(version: "2.0.0", artifact: next, tag: "v2"))
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "media") == "v2")
    }
  }
}
