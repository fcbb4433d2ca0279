public import ResourceModel

/// The kinds of the group `deploy.wrktalk.com` that the vendor's server has.
public enum FleetKind {
  public static let group = "deploy.wrktalk.com"

  /// All of them, in the order in which their objects come about.
  public static let definitions = [
    OrganizationKind.definition, ReleaseKind.definition, RolloutKind.definition, DeploymentTargetKind.definition,
    EscalationKind.definition,
  ]

  static func names(_ kind: String, _ short: String) -> ResourceNames {
    ResourceNames(
      group: group, version: "v1", kind: kind, plural: "\(kind.lowercased())s", singular: kind.lowercased(),
      shortNames: [short], categories: ["wrktalk"])
  }
}
