public import FleetKinds
public import ResourceModel
public import WireFormats

/// What is known of a release when it is offered.
public struct ReleaseFacts: Sendable, Hashable {
  public var version: String
  public var state: ReleaseState
  public var isWithdrawn: Bool
  public var minCurrentVersion: String?

  public init(
    version: String, state: ReleaseState = .published, isWithdrawn: Bool = false, minCurrentVersion: String? = nil
  ) {
    self.version = version
    self.state = state
    self.isWithdrawn = isWithdrawn
    self.minCurrentVersion = minCurrentVersion
  }

  public init(_ release: Release) {
    self.init(
      version: release.metadata.name, state: release.spec.state, isWithdrawn: release.spec.withdrawn,
      minCurrentVersion: release.spec.minCurrentVersion)
  }
}

/// What is known of an organization when a release is offered to it.
public struct OrganizationFacts: Sendable, Hashable {
  public var name: String
  public var labels: [String: String]
  /// As it was reported: perhaps no version at all.
  public var currentVersion: String?
  /// Nil: never.
  public var licenseExpiresAt: Timestamp?
  public var hasWebhookEndpoint: Bool
  /// It has a target of the release already, be it of another rollout, and gets no second one.
  public var hasTarget: Bool

  public init(
    name: String, labels: [String: String] = [:], currentVersion: String? = nil, licenseExpiresAt: Timestamp? = nil,
    hasWebhookEndpoint: Bool = true, hasTarget: Bool = false
  ) {
    self.name = name
    self.labels = labels
    self.currentVersion = currentVersion
    self.licenseExpiresAt = licenseExpiresAt
    self.hasWebhookEndpoint = hasWebhookEndpoint
    self.hasTarget = hasTarget
  }

  public init(_ organization: Organization, hasTarget: Bool = false) {
    self.init(
      name: organization.metadata.name, labels: organization.metadata.labels ?? [:],
      currentVersion: organization.status?.currentVersion,
      licenseExpiresAt: organization.spec.license?.expiresAt,
      hasWebhookEndpoint: organization.spec.webhookEndpoint != nil, hasTarget: hasTarget)
  }
}
