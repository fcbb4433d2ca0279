import ResourceModel

/// The vendor's kinds that commands are about.
enum FleetResource: String {
  case organization
  case release
  case rollout

  static func names(_ resource: FleetResource) -> ResourceNames {
    let plural = "\(resource.rawValue)s"
    let kind = resource.rawValue.prefix(1).uppercased() + resource.rawValue.dropFirst()
    return ResourceNames(
      group: "deploy.wrktalk.com", version: "v1", kind: kind, plural: plural, singular: resource.rawValue)
  }
}
