/// What decides whom an Agent believes, which programs it runs and where it writes. Only its machine says so: an Agent that is
/// part of what it deploys may read the very settings that come from the bucket.
package enum MachineVariables {
  /// Of every variable of the Agent.
  package static let prefix = "WRKTALK_AGENT_"

  /// Without the prefix.
  package static let names: Set<String> = [
    "ALLOW_UNSIGNED", "COMPOSE_WORKING_DIR", "DEPLOYMENT_TYPE", "HEALTH_FILE", "HELM_BINARY", "INSECURE_HTTP",
    "KUBECONFIG", "LICENSE_FILE", "ORGANIZATION_NAME",
    "POD_NAME", "PROJECTS", "SOURCE", "STATE_SECRET", "TRUST_ROOT", "TRUST_ROOT_FILE", "VALUES_SOURCES",
    "VENDOR_PUBLIC_KEY", "VENDOR_PUBLIC_KEY_FILE", "WORKING_DIR",
  ]

  /// With those of other programs.
  static let all = Set(names.map { prefix + $0 }).union(["HOME", "KUBECONFIG", "STATE_DIRECTORY", "XDG_STATE_HOME"])

  /// True for a variable of the Agent that only its machine may set, in upper or lower case.
  package static func contains(_ name: String) -> Bool {
    let name = name.uppercased()
    return name.hasPrefix(prefix) && all.contains(name)
  }
}
