public import FleetKinds
public import ResourceModel
public import WireFormats

/// What is known of a release when it is offered.
public struct ReleaseFacts: Sendable, Hashable {
  public var version: String
  public var state: ReleaseState
  public var isWithdrawn: Bool
  public var minCurrentVersion: String?
  /// The deployment types that it has an artifact for.
  public var deploymentTypes: Set<DeploymentType>
  /// It is offered to those that run a newer version, too: as the version before, by a rollout that was halted.
  public var isReturn: Bool

  public init(
    version: String, state: ReleaseState = .published, isWithdrawn: Bool = false, minCurrentVersion: String? = nil,
    deploymentTypes: Set<DeploymentType> = Set(DeploymentType.allCases), isReturn: Bool = false
  ) {
    self.version = version
    self.state = state
    self.isWithdrawn = isWithdrawn
    self.minCurrentVersion = minCurrentVersion
    self.deploymentTypes = deploymentTypes
    self.isReturn = isReturn
  }

  public init(_ release: Release) {
    self.init(
      version: release.metadata.name, state: release.spec.state, isWithdrawn: release.spec.withdrawn,
      minCurrentVersion: release.spec.minCurrentVersion, deploymentTypes: release.spec.deploymentTypes)
  }
}

/// What is known of an organization when a release is offered to it.
public struct OrganizationFacts: Sendable, Hashable {
  public var name: String
  public var labels: [String: String]
  public var deploymentType: DeploymentType
  /// As it was reported: perhaps no version at all.
  public var currentVersion: String?
  /// Nil: never.
  public var licenseExpiresAt: Timestamp?
  public var hasWebhookEndpoint: Bool
  /// It has a target of the release already, be it of another rollout, and gets no second one.
  public var hasTarget: Bool

  public init(
    name: String, labels: [String: String] = [:], deploymentType: DeploymentType = .kubernetes,
    currentVersion: String? = nil, licenseExpiresAt: Timestamp? = nil, hasWebhookEndpoint: Bool = true,
    hasTarget: Bool = false
  ) {
    self.name = name
    self.labels = labels
    self.deploymentType = deploymentType
    self.currentVersion = currentVersion
    self.licenseExpiresAt = licenseExpiresAt
    self.hasWebhookEndpoint = hasWebhookEndpoint
    self.hasTarget = hasTarget
  }

  public init(_ organization: Organization, hasTarget: Bool = false) {
    self.init(
      name: organization.metadata.name, labels: organization.metadata.labels ?? [:],
      deploymentType: organization.spec.deploymentType,
      currentVersion: organization.status?.currentVersion,
      licenseExpiresAt: organization.spec.license?.expiresAt,
      hasWebhookEndpoint: organization.spec.webhookEndpoint != nil, hasTarget: hasTarget)
  }
}
