public import ResourceModel

/// The kinds of the group `deploy.wrktalk.com` that the vendor's server has.
public enum FleetKind {
  public static let definitions: [ResourceDefinition] = []
}
