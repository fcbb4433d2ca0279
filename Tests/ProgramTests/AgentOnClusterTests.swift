import DeploymentKinds
import TestSupport
import Testing
import WireFormats

/// The Agent with a Compose environment whose record a Kubernetes API server holds.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct AgentOnClusterTests {
  @Test func kubectlIsAllThatADeploymentTakes() async throws {
    try await CustomerEnvironment.use { environment in
      try await ClusterSession.use { session in
        let settings = [
          "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_TOKEN_FILE": "", "KUBECONFIG": session.kubeconfig,
          "WRKTALK_AGENT_KUBE_NAMESPACE": session.namespace,
          "WRKTALK_AGENT_HEALTH_FILE": environment.folder.file("health/agent"),
        ]
        let agent = try await environment.startAgent(settings)
        let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
        let spec = environment.spec(version: "1.0.0", artifact: artifact, tag: "v1")
        try await session.kubectl("apply", "-f", session.manifest("shop", spec: JSONValue(encoding: spec)))
        try await session.kubectl("wait", "--for=condition=Ready", "dd/shop", "--timeout=180s")
        #expect(try await environment.servedVersion(of: "backend") == "v1")

        let table = try await session.kubectl("get", "dd", "shop")
        #expect(table.contains("shop   True"))
        #expect(table.contains("1.0.0     1.0.0"))
        let description = try await session.kubectl("describe", "dd", "shop")
        #expect(description.contains("Deploying 1.0.0"))
        #expect(description.contains("1.0.0 (revision 1) was deployed and runs in full health"))
        let lease = try await session.kubectl("get", "lease", "wrktalk-agent", "-o", "jsonpath={.spec.holderIdentity}")
        #expect(!lease.isEmpty)

        #expect(try await health(settings).ending == .exited(code: 0))
        await agent.kill()
        let afterwards = try await health(settings)
        #expect(afterwards.ending == .exited(code: 1))
        #expect(afterwards.output.contains("is not there any more"))
      }
    }
  }

  /// Not in a pod: the Agent and Helm reach the cluster by the same kubeconfigs.
  @Test(.needs(.helm3)) func aChartConvergesByTheAgentsOwnAccess() async throws {
    try await CustomerEnvironment.use { environment in
      try await ClusterSession.use { session in
        let empty = try session.folder.write("kind: Config\n", to: "empty.kubeconfig")
        try await environment.startAgent([
          "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_TOKEN_FILE": "",
          "WRKTALK_AGENT_DEPLOYMENT_TYPE": "kubernetes", "KUBECONFIG": "\(empty):\(session.kubeconfig)",
          "WRKTALK_AGENT_KUBE_NAMESPACE": session.namespace,
          "WRKTALK_AGENT_HELM_BINARY": try Testbed.location(of: .helm3),
        ])
        let path = "artifacts/helm/wrktalk-1.0.0.tgz"
        try environment.folder.write(
          "global: {registry: \(try Testbed.location(of: .images))}\n", to: "bucket/config/values.yaml")
        try environment.folder.write("", to: "bucket/\(path)")
        try await CustomerEnvironment.command(
          "bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", "1.0.0", environment.folder.file("bucket/\(path)"))
        let digest = try await environment.sha256(of: environment.folder.file("bucket/\(path)"))
        let spec: JSONValue = [
          "version": "1.0.0", "runtime": "Helm", "artifact": ["path": .string(path), "sha256": .string(digest)],
          "imageTags": ["backend": "v1", "media": "v1"],
          "helm": ["releaseName": "shop", "valuesPath": "config/values.yaml", "timeout": "2m"],
        ]
        try await session.kubectl("apply", "-f", session.manifest("shop", spec: spec))
        try await session.kubectl("wait", "--for=condition=Ready", "dd/shop", "--timeout=240s")
        let image = try await session.kubectl(
          "get", "deployments", "-o", "jsonpath={.items[*].spec.template.spec.containers[*].image}")
        #expect(image.contains("backend:v1"))
      }
    }
  }

  private func health(_ settings: [String: String]) async throws -> (ending: RunningProgram.Ending, output: String) {
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-agent"), arguments: ["health"], environment: settings)
    return (await program.termination(), program.output.joined(separator: "\n"))
  }
}
