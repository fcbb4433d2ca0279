/// Who says when a release is deployed, as a customer's admin chooses; the words stand in `deployment_config`.
public enum DeploymentPolicy: String, Sendable, Hashable, Codable, CaseIterable {
  /// People do, each time (spec §5.4).
  case manual = "Manual"
  /// The next maintenance window does.
  case automatic = "Automatic"
}
