import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// A release that is looked at by the real Agent, with the real engine, before anybody deploys it.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct PreflightTests {
  private func ask(
    _ environment: CustomerEnvironment, _ artifact: DesiredDeploymentSpec.Artifact, version: String, media: String
  ) async throws -> DesiredDeploymentStatus.Preflight {
    let request = PreflightRequest(
      version: version, artifact: artifact, imageTags: ["backend": "v2", "media": media], requestedAt: version)
    _ = try await environment.client.mergePatch(
      DesiredDeploymentKind.definition.names, CustomerEnvironment.key,
      ["metadata": ["annotations": [DesiredDeploymentKind.preflightAnnotation: .string(request.annotation)]]])
    let answered = try await environment.wait(for: "the answer") {
      $0.status?.preflight?.request == request.digest && $0.status?.preflight?.completedAt != nil
    }
    #expect(answered.isReady && answered.status?.current?.version == "1.0.0")
    return try #require(answered.status?.preflight)
  }

  @Test func whatStandsInItsWayIsToldAndNothingIsTouched() async throws {
    let holder = try LoopbackServer { _, connection in connection.respond(200, body: []) }
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let first = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: first, tag: "v1"))
      try await environment.waitUntilReady()
      let before = [
        try await environment.containerID(of: "backend"), try await environment.containerID(of: "media"),
      ]

      let demanding = twoServices.replacing(
        "  backend:\n",
        with: "  backend:\n    ports: [\"127.0.0.1:\(holder.port):8080\"]\n    environment: {NEW: \"${NEW_SETTING}\"}\n"
      )
      let bad = try await environment.publish(version: "2.0.0", composeFile: demanding)
      let found = try await ask(environment, bad, version: "2.0.0", media: "no-such-tag")
      func check(_ name: String) -> DesiredDeploymentStatus.Preflight.Check? { found.checks.first { $0.name == name } }
      #expect(check("Release")?.status == .warning && check("Artifact")?.status == .passed)
      #expect(check("Settings")?.status == .warning && check("Settings")?.message.contains("NEW_SETTING") == true)
      #expect(check("Images")?.status == .failed && check("Images")?.message.contains("media") == true)
      #expect(check("Images")?.message.contains("backend") == false)
      #expect(
        check("Ports")?.status == .failed && check("Ports")?.message.contains("\(holder.port)") == true,
        "\(found.checks), and \(holder.port) is held")
      #expect(check("DiskSpace") != nil)

      let good = try await environment.publish(version: "3.0.0", composeFile: twoServices + "# 3\n")
      let sound = try await ask(environment, good, version: "3.0.0", media: "v2")
      #expect(sound.checks.allSatisfy { $0.status != .failed }, "\(sound.sentences)")
      var missing = good
      missing.path = "artifacts/compose/none.tar.gz"
      // Under a digest that it knows, the Agent has it already.
      missing.sha256 = String(repeating: "0", count: 64)
      let absent = try await ask(environment, missing, version: "4.0.0", media: "v2")
      #expect(absent.checks.last?.name == "Artifact" && absent.checks.last?.status == .failed)
      let after = [
        try await environment.containerID(of: "backend"), try await environment.containerID(of: "media"),
      ]
      #expect(before == after, "nothing that runs was touched")
    }
  }
}
