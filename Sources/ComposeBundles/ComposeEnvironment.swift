import DeploymentPlanning

/// The environment that Compose is run in: what a person's shell would be, but that the settings come before what the Agent
/// itself was started with.
package enum ComposeEnvironment {
  /// What Compose needs to work at all; settings of that name do not reach it.
  private static let needed: Set<String> = [
    "PATH", "HOME", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "LD_LIBRARY_PATH", "XDG_CONFIG_HOME",
    "TMPDIR",
  ]

  /// What Compose gets of the Agent's environment.
  package static let passedOn = needed.union([
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TZ", "LANG",
  ])

  /// Compose files that lie in a registry or a repository are fetched by nobody: what they say is in no bundle.
  private static let remoteFiles = [
    "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false",
  ]

  /// - Parameters:
  ///   - agent: the Agent's own environment.
  ///   - folder: Compose's project directory, which is the working directory too.
  package static func variables(
    agent: [String: String], settings: EnvironmentFile, imageTags: [String: String], endpoint: String, folder: String
  ) -> [String: String] {
    let names = settings.names
    var variables = agent.filter { needed.contains($0.key) || passedOn.contains($0.key) && !names.contains($0.key) }
    variables.merge(ImageTagVariables.variables(for: imageTags)) { _, tag in tag }
    variables["DOCKER_HOST"] = endpoint
    variables["PWD"] = folder
    variables.merge(remoteFiles) { _, never in never }
    return variables
  }
}
