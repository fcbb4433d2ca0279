import DeploymentKinds
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Values from a Secret of the namespace.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmSecretTests {
  private static let password = "geheim-4711"

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func valuesFromASecretReachThePodsAndAreSeenNowhereElse(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      let agent = try await environment.startAgent(["WRKTALK_AGENT_LOG_LEVEL": "trace"])
      try await environment.session.kubectl(
        "create", "secret", "generic", "settings",
        "--from-literal=values.yaml=secrets: {PASSWORD: \(Self.password)}")
      var spec = try await environment.spec("1.0.0", tag: "v1")
      spec.helm?.valuesFrom = [.init(kind: .secret, name: "settings")]
      try await environment.deploy(spec)
      let pod = try await environment.session.kubectl("exec", "deploy/wrktalk-backend", "--", "/bin/busybox", "env")
      #expect(pod.contains("PASSWORD=\(Self.password)"))

      // A container that tells its password to its log, which the Agent quotes.
      let tattler = #"migration: {enabled: true, command: [/bin/sh, -c, "echo no login with $PASSWORD; exit 5"]}"#
      var failing = try await environment.spec("2.0.0", tag: "v2", values: tattler)
      failing.helm?.valuesFrom = spec.helm?.valuesFrom
      try await environment.apply(failing)
      let failed = try await environment.wait(for: "the failure") {
        $0.condition(DeploymentCondition.remediated)?.status == .isTrue
      }
      let message = failed.condition(DeploymentCondition.stalled)?.message ?? ""
      #expect(message.contains("no login with ***"), "\(message)")

      let events = try await environment.events { $0.contains { $0.hasPrefix("RolledBack") } }
      #expect(!events.contains { $0.contains(Self.password) })
      let record = try await environment.kubectlOfRecord("get", "dd", "wrktalk", "-o", "json")
      #expect(record.contains("no login with"))
      #expect(!record.contains(Self.password))
      #expect(!agent.output.contains { $0.contains(Self.password) })
      #expect(environment.backend?.output.contains { $0.contains(Self.password) } == false)
      await agent.stop()
      // The folder holds the bucket, the Agent's working directory, Helm's caches and the Backend's database.
      let folder = environment.folder.path
      let found = try await CustomerEnvironment.command(
        "sh", "-c", "grep -rla \(Self.password) \(folder) || true")
      #expect(found.isEmpty, "\(found)")
    }
  }
}
