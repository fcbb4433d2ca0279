import Cryptography
import Logging
import Testing

@testable import Agent

struct AgentConfigurationTests {
  private func configuration(
    _ variables: [String: String], files: [String: String] = [:]
  ) throws(AgentConfigurationError) -> AgentConfiguration {
    var environment = ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker", "WRKTALK_AGENT_TOKEN_FILE": "/run/agent.token"]
    environment.merge(variables) { _, given in given }
    return try AgentConfiguration(environment: environment) { files[$0] }
  }

  @Test func theDefaultsAreTheSpecifications() throws {
    let standard = try configuration([:])
    #expect(standard.backendURL == "http://localhost:3000")
    #expect(standard.backendTimeout == .seconds(30))
    #expect(standard.namespace == "wrktalk")
    #expect(standard.composeWorkingDirectory == "/tmp/wrktalk")
    #expect(standard.logLevel == .info)
    #expect(standard.token == .file(path: "/run/agent.token"))
    #expect(standard.vendorPublicKey == nil)
    #expect(standard.dockerEndpoint == .standard)
  }

  @Test func everyVariableIsRead() throws {
    let key = Ed25519.PrivateKey().publicKey
    let given = try configuration(
      [
        "WRKTALK_AGENT_BACKEND_URL": "https://backend.example", "WRKTALK_AGENT_BACKEND_TIMEOUT": "5",
        "WRKTALK_AGENT_SOURCE": "kubernetes", "WRKTALK_AGENT_TOKEN_FILE": "/run/token",
        "WRKTALK_AGENT_KUBE_NAMESPACE": "customer", "WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/var/lib/wrktalk/",
        "WRKTALK_AGENT_VENDOR_PUBLIC_KEY_FILE": "/run/vendor.pem", "DOCKER_HOST": "unix:///run/user/docker.sock",
        "WRKTALK_AGENT_LEASE_DURATION": "3s", "WRKTALK_AGENT_SHUTDOWN_TIMEOUT": "10m",
        "WRKTALK_AGENT_LOG_LEVEL": "DEBUG",
        "WRKTALK_AGENT_LOG_FORMAT": "text",
      ], files: ["/run/vendor.pem": key.pem])
    #expect(given.backendTimeout == .seconds(5))
    #expect(given.source == .kubernetes)
    #expect(given.token == .file(path: "/run/token"))
    #expect(given.composeWorkingDirectory == "/var/lib/wrktalk")
    #expect(given.vendorPublicKey == key)
    #expect(given.dockerEndpoint.socketPath == "/run/user/docker.sock")
    #expect(given.leaseDuration == .seconds(3))
    #expect(given.shutdownTimeout == .seconds(600))
    #expect(given.logLevel == .debug)
  }

  @Test(arguments: [
    (["WRKTALK_AGENT_DEPLOYMENT_TYPE": "kubernetes"], "WRKTALK_AGENT_DEPLOYMENT_TYPE"),
    (["WRKTALK_AGENT_DEPLOYMENT_TYPE": "podman"], "WRKTALK_AGENT_DEPLOYMENT_TYPE"),
    (["WRKTALK_AGENT_BACKEND_URL": "backend:3000"], "WRKTALK_AGENT_BACKEND_URL"),
    (["WRKTALK_AGENT_BACKEND_URL": "http://user:secret@backend"], "WRKTALK_AGENT_BACKEND_URL"),
    (["WRKTALK_AGENT_BACKEND_TIMEOUT": "soon"], "WRKTALK_AGENT_BACKEND_TIMEOUT"),
    (["WRKTALK_AGENT_BACKEND_TIMEOUT": "0"], "WRKTALK_AGENT_BACKEND_TIMEOUT"),
    (["WRKTALK_AGENT_TOKEN": "a", "WRKTALK_AGENT_TOKEN_FILE": "b"], "WRKTALK_AGENT_TOKEN"),
    (["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "wrktalk"], "WRKTALK_AGENT_COMPOSE_WORKING_DIR"),
    (["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "/"], "WRKTALK_AGENT_COMPOSE_WORKING_DIR"),
    (["WRKTALK_AGENT_VENDOR_PUBLIC_KEY": "no key"], "WRKTALK_AGENT_VENDOR_PUBLIC_KEY"),
    (["WRKTALK_AGENT_VENDOR_PUBLIC_KEY_FILE": "/missing"], "WRKTALK_AGENT_VENDOR_PUBLIC_KEY_FILE"),
    (["DOCKER_HOST": "tcp://10.0.0.1:2375"], "DOCKER_HOST"),
    (["WRKTALK_AGENT_LOG_LEVEL": "loud"], "WRKTALK_AGENT_LOG_LEVEL"),
    (["WRKTALK_AGENT_LOG_FORMAT": "xml"], "WRKTALK_AGENT_LOG_FORMAT"),
    (["WRKTALK_AGENT_SOURCE": "file"], "WRKTALK_AGENT_SOURCE"),
  ])
  func aWrongValueNamesItsVariableAndNoSecret(_ variables: [String: String], _ name: String) {
    let error = #expect(throws: AgentConfigurationError.self) { try configuration(variables) }
    #expect(error?.variable == name)
    #expect(error?.description.contains("secret") != true)
  }

  @Test func withoutATokenTheAgentDoesNotStart() {
    let error = #expect(throws: AgentConfigurationError.self) {
      try AgentConfiguration(environment: ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker"]) { _ in nil }
    }
    #expect(error?.variable == "WRKTALK_AGENT_TOKEN_FILE")
  }

  @Test func misspeltVariablesAreNoticed() {
    let variables = AgentVariables(environment: ["WRKTALK_AGENT_TOKNE": "x", "WRKTALK_AGENT_TOKEN": "y", "HOME": "/"])
    #expect(variables.unknownNames == ["WRKTALK_AGENT_TOKNE"])
  }
}
