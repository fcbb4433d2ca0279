import DeploymentKinds

/// What a release's settings may not set where only what was signed may run: they are not signed, and are there to say how
/// the release is used, not what Compose does nor what code a service loads.
package enum UnsignedSettings {
  /// What of Compose's own is the customer's: which of the bundle's Compose files and profiles are used. The name of the
  /// project is the record's, whatever the settings say.
  private static let customersOwn: Set<String> = [
    "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME",
  ]
  private static let dockersOwn: Set<String> = [
    "DOCKER_API_VERSION", "DOCKER_BUILDKIT", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTENT_TRUST",
    "DOCKER_CONTENT_TRUST_SERVER", "DOCKER_CONTEXT", "DOCKER_DEFAULT_PLATFORM", "DOCKER_HOST", "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
  ]
  private static let prefixes = ["COMPOSE_", "BUILDKIT_", "BUILDX_", "DOCKER_CLI_"]

  /// Why the settings are refused; nil where they are not.
  /// - Parameter file: where people find them.
  package static func refusal(of settings: EnvironmentFile, named file: String) -> BundleFault? {
    if let problem = settings.ambiguity {
      return BundleFault(
        "SettingNotAllowed",
        "The settings file \(file) \(problem), which programs read differently. Write each setting as NAME=value in a "
          + "line of its own")
    }
    let names = settings.names.sorted()
    let ofMachine = names.filter { MachineVariables.all.contains($0.uppercased()) }
    if !ofMachine.isEmpty {
      return failure(
        file, ofMachine,
        "decides whom an Agent believes, what it runs and where it writes. Set it on the Agent's machine")
    }
    let ofCompose = names.filter(changesCompose)
    if !ofCompose.isEmpty { return failure(file, ofCompose, "changes how Compose works. Take it out") }
    let loaders = names.filter(LoaderVariable.loadsCode)
    if loaders.isEmpty { return nil }
    return failure(
      file, loaders,
      "can have a service load code that nobody signed. Take it out; where the release needs it, the vendor sets it in the "
        + "bundle")
  }

  static func changesCompose(_ name: String) -> Bool {
    if customersOwn.contains(name) { return false }
    return dockersOwn.contains(name) || prefixes.contains { name.hasPrefix($0) }
  }

  private static func failure(_ file: String, _ names: [String], _ what: String) -> BundleFault {
    BundleFault(
      "SettingNotAllowed",
      "The settings file \(file) sets \(names.joined(separator: ", ")), which \(what)")
  }
}
