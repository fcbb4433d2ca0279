import ClusterAccess
import Cryptography
import DeploymentKinds
import Logging
import ProgramConfiguration
import ResourceClient
import Testing

@testable import Agent

struct AgentConfigurationTests {
  private func configuration(
    _ variables: [String: String], files: [String: String] = [:], isRoot: Bool = true
  ) throws(ConfigurationError) -> AgentConfiguration {
    var environment = ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker", "WRKTALK_AGENT_TOKEN_FILE": "/run/agent.token"]
    environment.merge(variables) { _, given in given }
    return try AgentConfiguration(environment: environment, isRoot: isRoot) { files[$0] }
  }

  @Test(arguments: [
    (true, [:], "/var/lib/wrktalk-agent"),
    (true, ["HOME": "/root", "XDG_STATE_HOME": "/root/state"], "/var/lib/wrktalk-agent"),
    (true, ["STATE_DIRECTORY": "/var/lib/agent:/var/lib/other"], "/var/lib/agent"),
    (false, ["STATE_DIRECTORY": "/var/lib/agent", "HOME": "/home/a"], "/var/lib/agent"),
    (false, ["HOME": "/home/a"], "/home/a/.local/state/wrktalk-agent"),
    (false, ["HOME": "/home/a", "XDG_STATE_HOME": "/home/a/state"], "/home/a/state/wrktalk-agent"),
    (false, ["HOME": "/home/a", "XDG_STATE_HOME": "state"], "/home/a/.local/state/wrktalk-agent"),
    (false, ["WRKTALK_AGENT_WORKING_DIR": "/a"], "/a"),
  ])
  func theWorkingDirectoryIsWhereAProgramKeepsItsState(
    isRoot: Bool, variables: [String: String], path: String
  ) throws {
    let found = try configuration(variables, isRoot: isRoot)
    #expect(found.workingDirectory == path)
    #expect(found.healthFile == "\(path)/.agent/health")
  }

  @Test func withoutAHomeTheWorkingDirectoryIsAskedFor() {
    let error = #expect(throws: ConfigurationError.self) { try configuration([:], isRoot: false) }
    #expect(error?.setting == "WRKTALK_AGENT_WORKING_DIR")
  }

  @Test func theDefaultsAreTheSpecifications() throws {
    let standard = try configuration([:])
    #expect(standard.source.endpoint.baseURL == "http://localhost:3000")
    #expect(standard.cluster == nil)
    #expect(standard.backendTimeout == .seconds(30))
    #expect(standard.namespace == "wrktalk")
    #expect(standard.helmBinary == "helm")
    #expect(standard.helmHistoryMax == 10)
    #expect(standard.podName == nil)
    #expect(standard.logLevel == .info)
    #expect(standard.source.endpoint.token == .file(path: "/run/agent.token"))
    #expect(standard.dockerEndpoint == .standard)
  }

  @Test func whomItIsToBelieveIsRead() throws {
    #expect(try configuration([:]).trust == .kept)
    #expect(
      try configuration(["WRKTALK_AGENT_TRUST_ROOT": " {} "]).trust
        == .root(text: "{}", variable: "WRKTALK_AGENT_TRUST_ROOT"))
    #expect(
      try configuration(["WRKTALK_AGENT_TRUST_ROOT_FILE": "/root.json"], files: ["/root.json": "{}\n"]).trust
        == .root(text: "{}", variable: "WRKTALK_AGENT_TRUST_ROOT_FILE"))
    #expect(try configuration(["WRKTALK_AGENT_ALLOW_UNSIGNED": "1"]).trust == .unsigned)
    #expect(try configuration(["WRKTALK_AGENT_ALLOW_UNSIGNED": "false"]).trust == .kept)
    #expect(try configuration(["WRKTALK_AGENT_STATE_SECRET": "agent-state"]).stateSecret == "agent-state")
  }

  @Test func aRootAndThePermissionToDeployWhatNobodySignedExcludeEachOther() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(["WRKTALK_AGENT_TRUST_ROOT": "{}", "WRKTALK_AGENT_ALLOW_UNSIGNED": "1"])
    }
    #expect(error?.description.contains("WRKTALK_AGENT_ALLOW_UNSIGNED") == true)
  }

  @Test func everyVariableIsRead() throws {
    let given = try configuration(
      [
        "WRKTALK_AGENT_BACKEND_URL": "https://backend.example", "WRKTALK_AGENT_BACKEND_TIMEOUT": "5",
        "WRKTALK_AGENT_TOKEN_FILE": "/run/token",
        "WRKTALK_AGENT_KUBE_NAMESPACE": "customer", "WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/var/lib/wrktalk/",
        "DOCKER_HOST": "unix:///run/user/docker.sock",
        "WRKTALK_AGENT_LEASE_DURATION": "3s", "WRKTALK_AGENT_SHUTDOWN_TIMEOUT": "10m",
        "WRKTALK_AGENT_LOG_LEVEL": "DEBUG", "WRKTALK_AGENT_LOG_FORMAT": "text",
        "WRKTALK_AGENT_HELM_BINARY": "/opt/helm", "WRKTALK_AGENT_HELM_HISTORY_MAX": "256",
        "WRKTALK_AGENT_POD_NAME": "agent-0", "WRKTALK_AGENT_HEALTH_FILE": "/run/agent/health",
      ])
    #expect(given.backendTimeout == .seconds(5))
    #expect(given.source.endpoint.token == .file(path: "/run/token"))
    #expect(given.workingDirectory == "/var/lib/wrktalk")
    #expect(given.dockerEndpoint.socketPath == "/run/user/docker.sock")
    #expect(given.leaseDuration == .seconds(3))
    #expect(given.shutdownTimeout == .seconds(600))
    #expect(given.logLevel == .debug)
    #expect(given.helmBinary == "/opt/helm")
    #expect(given.helmHistoryMax == 256)
    #expect(given.podName == "agent-0")
    #expect(given.healthFile == "/run/agent/health")
  }

  @Test(arguments: [
    (["WRKTALK_AGENT_DEPLOYMENT_TYPE": "kubernetes"], "KUBECONFIG"),
    (["WRKTALK_AGENT_SOURCE": "kubernetes"], "KUBECONFIG"),
    (["WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_KUBECONFIG": "/missing"], "WRKTALK_AGENT_KUBECONFIG"),
    (["WRKTALK_AGENT_HELM_HISTORY_MAX": "1"], "WRKTALK_AGENT_HELM_HISTORY_MAX"),
    (["WRKTALK_AGENT_HELM_HISTORY_MAX": "many"], "WRKTALK_AGENT_HELM_HISTORY_MAX"),
    (["WRKTALK_AGENT_HEALTH_FILE": "health"], "WRKTALK_AGENT_HEALTH_FILE"),
    (["WRKTALK_AGENT_WORKING_DIR": "a/b"], "WRKTALK_AGENT_WORKING_DIR"),
    (["WRKTALK_AGENT_DEPLOYMENT_TYPE": "podman"], "WRKTALK_AGENT_DEPLOYMENT_TYPE"),
    (["WRKTALK_AGENT_BACKEND_URL": "backend:3000"], "WRKTALK_AGENT_BACKEND_URL"),
    (["WRKTALK_AGENT_BACKEND_URL": "http://user:secret@backend"], "WRKTALK_AGENT_BACKEND_URL"),
    (["WRKTALK_AGENT_BACKEND_TIMEOUT": "soon"], "WRKTALK_AGENT_BACKEND_TIMEOUT"),
    (["WRKTALK_AGENT_BACKEND_TIMEOUT": "0"], "WRKTALK_AGENT_BACKEND_TIMEOUT"),
    (["WRKTALK_AGENT_TOKEN": "a", "WRKTALK_AGENT_TOKEN_FILE": "b"], "WRKTALK_AGENT_TOKEN"),
    (["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "wrktalk"], "WRKTALK_AGENT_COMPOSE_WORKING_DIR"),
    (["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/"], "WRKTALK_AGENT_COMPOSE_WORKING_DIR"),
    (["WRKTALK_AGENT_TRUST_ROOT_FILE": "/missing"], "WRKTALK_AGENT_TRUST_ROOT_FILE"),
    (["WRKTALK_AGENT_ALLOW_UNSIGNED": "maybe"], "WRKTALK_AGENT_ALLOW_UNSIGNED"),
    (["WRKTALK_AGENT_STATE_SECRET": "Agent State"], "WRKTALK_AGENT_STATE_SECRET"),
    (["DOCKER_HOST": "tcp://10.0.0.1:2375"], "DOCKER_HOST"),
    (["WRKTALK_AGENT_LOG_LEVEL": "loud"], "WRKTALK_AGENT_LOG_LEVEL"),
    (["WRKTALK_AGENT_LOG_FORMAT": "xml"], "WRKTALK_AGENT_LOG_FORMAT"),
    (["WRKTALK_AGENT_SOURCE": "file"], "WRKTALK_AGENT_SOURCE"),
  ])
  func aWrongValueNamesItsVariableAndNoSecret(_ variables: [String: String], _ name: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(variables) }
    #expect(error?.setting == name)
    #expect(error?.description.contains("secret") != true)
  }

  @Test func withoutATokenTheAgentDoesNotStart() {
    let error = #expect(throws: ConfigurationError.self) {
      try AgentConfiguration(environment: ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker"]) { _ in nil }
    }
    #expect(error?.setting == "WRKTALK_AGENT_TOKEN_FILE")
  }

  private static let kubeconfig = """
    current-context: here
    contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]
    clusters: [{name: c, cluster: {server: "https://cluster:6443"}}]
    users: [{name: u, user: {token: t}}]
    """

  @Test(arguments: [
    ("kubernetes", "docker", "https://cluster:6443", DeploymentRuntimeKind.compose),
    ("kubernetes", "kubernetes", "https://cluster:6443", .helm),
    ("backend", "kubernetes", "http://localhost:3000", .helm),
  ])
  func aClusterIsFoundWhereItIsReadFromOrDeployedTo(
    source: String, type: String, server: String, runtime: DeploymentRuntimeKind
  ) throws {
    let found = try configuration(
      [
        "WRKTALK_AGENT_SOURCE": source, "WRKTALK_AGENT_DEPLOYMENT_TYPE": type,
        "WRKTALK_AGENT_KUBECONFIG": "/kubeconfig",
      ], files: ["/kubeconfig": Self.kubeconfig])
    #expect(found.cluster?.endpoint.baseURL == "https://cluster:6443")
    #expect(found.source.endpoint.baseURL == server)
    #expect(found.deploymentType.runtime == runtime)
    #expect(found.namespace == "wrktalk")
  }

  @Test func theClustersOwnRecordsNeedNoTokenOfTheBackend() throws {
    let found = try AgentConfiguration(
      environment: [
        "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker", "KUBECONFIG": "/kubeconfig",
      ]
    ) { $0 == "/kubeconfig" ? Self.kubeconfig : nil }
    #expect(found.source.endpoint.token == .fixed("t"))
  }

  @Test func whoMeantComposeIsToldHowToSayIt() {
    let error = #expect(throws: ConfigurationError.self) {
      try AgentConfiguration(environment: ["WRKTALK_AGENT_TOKEN": "t"]) { _ in nil }
    }
    #expect(error?.message.contains("set WRKTALK_AGENT_DEPLOYMENT_TYPE to docker") == true)
  }

  @Test(arguments: [
    (["WRKTALK_AGENT_WORKING_DIR": "/a"], "/a"),
    (["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/b"], "/b"),
    (["WRKTALK_AGENT_WORKING_DIR": "/a", "WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/b"], "/a"),
  ])
  func theWorkingDirectoryHasTheSpecificationsNameToo(variables: [String: String], path: String) throws {
    let found = try configuration(variables)
    #expect(found.workingDirectory == path)
    #expect(found.healthFile == "\(path)/.agent/health")
  }

  @Test func misspeltVariablesAreNoticed() {
    let variables = EnvironmentVariables.agent(["WRKTALK_AGENT_TOKNE": "x", "WRKTALK_AGENT_TOKEN": "y", "HOME": "/"])
    #expect(variables.unknownNames(besides: EnvironmentVariables.agentNames) == ["WRKTALK_AGENT_TOKNE"])
  }
}
