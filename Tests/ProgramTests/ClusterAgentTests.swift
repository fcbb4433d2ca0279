import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Agents whose Lease and records a Kubernetes API server holds.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct ClusterAgentTests {
  private func settings(
    _ environment: CustomerEnvironment, _ session: ClusterSession, kubeconfig: String? = nil
  ) -> [String: String] {
    [
      "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_TOKEN_FILE": "",
      "KUBECONFIG": kubeconfig ?? session.kubeconfig, "WRKTALK_AGENT_KUBE_NAMESPACE": session.namespace,
      // Nobody listens there: with this source the Backend is not asked.
      "WRKTALK_AGENT_BACKEND_URL": "http://127.0.0.1:1",
    ]
  }

  @Test func whenTheLeaderIsKilledTheOtherAgentTakesOver() async throws {
    try await CustomerEnvironment.use { environment in
      try await ClusterSession.use { session in
        let settings = settings(environment, session)
        func lease(_ field: String) async throws -> String {
          try await session.kubectl("get", "lease", "wrktalk-agent", "-o", "jsonpath={.spec.\(field)}")
        }
        func deploy(version: String, composeFile: String) async throws {
          let artifact = try await environment.publish(version: version, composeFile: composeFile)
          let spec = environment.spec(version: version, artifact: artifact, tag: "v\(version.prefix(1))")
          try await session.kubectl("apply", "-f", session.manifest("shop", spec: JSONValue(encoding: spec)))
          try await session.kubectl(
            "wait", "--for=jsonpath={.status.current.version}=\(version)", "dd/shop", "--timeout=180s")
          try await session.kubectl("wait", "--for=condition=Ready", "dd/shop", "--timeout=180s")
        }

        let leader = try await environment.startAgent(settings)
        try await leader.line(containing: #""leading""#)
        let standby = try await environment.startAgent(
          settings.merging(["WRKTALK_AGENT_COMPOSE_WORKING_DIR": environment.folder.file("standby")]) { $1 })
        try await standby.line(containing: "standing by")
        let first = try await lease("holderIdentity")
        try await deploy(version: "1.0.0", composeFile: twoServices)
        #expect(!standby.output.contains { $0.contains(#""leading""#) })

        await leader.kill()
        try await standby.line(containing: #""leading""#)
        #expect(try await lease("holderIdentity") != first)
        #expect(try await lease("leaseTransitions") == "1")
        try await deploy(version: "2.0.0", composeFile: twoServices + "# 2\n")
        #expect(try await environment.servedVersion(of: "backend") == "v2")

        let object = try await session.client.get(DesiredDeploymentKind.self, session.key("shop"))
        #expect(object.status?.observedGeneration == object.metadata.generation)
        #expect(object.status?.history?.map(\.release.version) == ["2.0.0", "1.0.0"])
        #expect(await standby.stop() == .exited(code: 0))
        #expect(try await lease("holderIdentity") == "")
      }
    }
  }

  @Test func aWrongTokenIsToldClearlyAndNeverShown() async throws {
    try await CustomerEnvironment.use { environment in
      try await ClusterSession.use { session in
        let kubeconfig = try session.folder.write(
          """
          current-context: wrong
          contexts: [{name: wrong, context: {cluster: testbed, user: stranger}}]
          users: [{name: stranger, user: {token: not-a-token-of-this-cluster}}]
          """, to: "wrong.kubeconfig")
        let agent = try await environment.startAgent(
          settings(environment, session, kubeconfig: "\(kubeconfig):\(session.kubeconfig)"))
        let line = try await agent.line(containing: "lease could not be taken")
        #expect(line.contains("the token or client certificate is unknown, revoked or expired"))
        #expect(agent.output.contains { $0.contains("the context wrong of \(kubeconfig), \(session.kubeconfig)") })
        #expect(await agent.stop() == .exited(code: 0))
        #expect(!agent.output.contains { $0.contains("not-a-token") })
      }
    }
  }

  @Test func aKubeconfigThatCannotBeUsedEndsTheAgentAtOnce() async throws {
    try await CustomerEnvironment.use { environment in
      let kubeconfig = try environment.folder.write(
        """
        current-context: here
        contexts: [{name: here, context: {cluster: c, user: jane}}]
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
        users: [{name: jane, user: {username: jane, password: open-sesame}}]
        """, to: "kubeconfig")
      let agent = try await environment.startAgent([
        "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_KUBECONFIG": kubeconfig,
      ])
      #expect(await agent.termination() == .exited(code: 78))
      let said = agent.output.joined(separator: "\n")
      #expect(said.contains("WRKTALK_AGENT_KUBECONFIG: \(kubeconfig):4:"))
      #expect(said.contains(#"user "jane""#))
      #expect(said.contains("give the user a token"))
      #expect(!said.contains("open-sesame"))
    }
  }
}
