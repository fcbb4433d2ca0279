import ProgramConfiguration

/// Where the Agent keeps files.
extension EnvironmentVariables {
  /// `COMPOSE_WORKING_DIR` is the specification's name for it.
  func workingDirectory(isRoot: Bool) throws(ConfigurationError) -> String {
    let name = self["WORKING_DIR"] == nil && self["COMPOSE_WORKING_DIR"] != nil ? "COMPOSE_WORKING_DIR" : "WORKING_DIR"
    if self[name] != nil { return try absolutePath(name, default: "") }
    return try absolutePath(name, default: try stateFolder(isRoot: isRoot))
  }

  /// Where a program keeps its state, by what systemd or the XDG base directories say: a folder that nobody else can have
  /// made first, as one under `/tmp`.
  private func stateFolder(isRoot: Bool) throws(ConfigurationError) -> String {
    // systemd gives several, separated by colons, where the unit names several.
    if let given = unprefixed("STATE_DIRECTORY")?.split(separator: ":").first { return String(given) }
    if isRoot { return "/var/lib/wrktalk-agent" }
    if let state = unprefixed("XDG_STATE_HOME"), state.hasPrefix("/") { return "\(state)/wrktalk-agent" }
    if let home = unprefixed("HOME"), home.hasPrefix("/"), home != "/" {
      return "\(home)/.local/state/wrktalk-agent"
    }
    throw wrong("WORKING_DIR", "is not set, and neither is HOME: name the folder in which the Agent keeps its files")
  }

  func healthFile(isRoot: Bool) throws(ConfigurationError) -> String {
    if self["HEALTH_FILE"] != nil { return try absolutePath("HEALTH_FILE", default: "") }
    return "\(try workingDirectory(isRoot: isRoot))/.agent/health"
  }
}
