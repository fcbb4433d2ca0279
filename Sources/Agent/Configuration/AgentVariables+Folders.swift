/// Where the Agent keeps files.
extension AgentVariables {
  /// `COMPOSE_WORKING_DIR` is the specification's name for it.
  func workingDirectory() throws(AgentConfigurationError) -> String {
    let name = self["WORKING_DIR"] == nil ? "COMPOSE_WORKING_DIR" : "WORKING_DIR"
    return try absolutePath(name, default: "/tmp/wrktalk")
  }

  func healthFile() throws(AgentConfigurationError) -> String {
    try absolutePath("HEALTH_FILE", default: "\(try workingDirectory())/.agent/health")
  }
}
