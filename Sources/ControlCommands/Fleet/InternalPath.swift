import WireFormats

/// The paths of the vendor's server that are about no object.
enum InternalPath {
  static let artifacts = "/api/internal/artifacts"
  static let releases = "/api/internal/releases"
  static let rolloutPlan = "/api/internal/rollouts/plan"
  static let fleetSummary = "/api/internal/fleet/summary"

  static func release(_ version: String, _ action: String) -> String {
    "\(releases)/\(PercentEncoding.encode(version))/\(action)"
  }

  static func keys(_ organization: String) -> String { "\(self.organization(organization))/keys" }

  static func key(_ id: String, of organization: String) -> String {
    "\(keys(organization))/\(PercentEncoding.encode(id))"
  }

  static func licenses(_ organization: String) -> String { "\(self.organization(organization))/licenses" }

  static func license(_ id: String, of organization: String) -> String {
    "\(licenses(organization))/\(PercentEncoding.encode(id))"
  }

  static func webhookSecret(_ organization: String) -> String { "\(self.organization(organization))/webhook-secret" }

  static func history(_ organization: String) -> String { "\(self.organization(organization))/history" }

  private static func organization(_ name: String) -> String {
    "/api/internal/organizations/\(PercentEncoding.encode(name))"
  }
}
