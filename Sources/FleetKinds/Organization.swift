public import ResourceModel
public import WireFormats

/// A customer, as the vendor sees it.
public typealias Organization = Resource<OrganizationKind>

/// What runs the product at the customer's.
public enum DeploymentType: String, ColumnWord, Codable {
  case kubernetes = "Kubernetes"
  case docker = "Docker"
}

/// How long ago a customer was last seen (spec §11.1).
public enum OrganizationHealth: String, ColumnWord, Codable {
  /// Less than 10 minutes.
  case online = "Online"
  /// Less than an hour.
  case degraded = "Degraded"
  /// Less than a day.
  case offline = "Offline"
  /// A day and more.
  case critical = "Critical"

  /// The column is this program's own and has the object's words.
  public var columnWord: String { rawValue }
}

public struct OrganizationSpec: Sendable, Hashable, Codable {
  public struct Contacts: Sendable, Hashable, Codable {
    /// SPOC: the single point of contact at the customer's.
    public var spocName: String?
    public var spocEmail: String?
    public var spocPhone: String?
    /// Who looks after the customer at the vendor's.
    public var accountManager: String?

    public init(
      spocName: String? = nil, spocEmail: String? = nil, spocPhone: String? = nil, accountManager: String? = nil
    ) {
      self.spocName = spocName
      self.spocEmail = spocEmail
      self.spocPhone = spocPhone
      self.accountManager = accountManager
    }
  }

  public struct License: Sendable, Hashable, Codable {
    /// Nil: never.
    public var expiresAt: Timestamp?

    public init(expiresAt: Timestamp? = nil) { self.expiresAt = expiresAt }
  }

  public var deploymentType: DeploymentType
  public var servicePath: String?
  /// Where releases are announced; nil for a customer that only polls.
  public var webhookEndpoint: String?
  public var contacts: Contacts?
  /// Nil: it never expires.
  public var license: License?

  public init(
    deploymentType: DeploymentType = .kubernetes, servicePath: String? = nil, webhookEndpoint: String? = nil,
    contacts: Contacts? = nil, license: License? = nil
  ) {
    self.deploymentType = deploymentType
    self.servicePath = servicePath
    self.webhookEndpoint = webhookEndpoint
    self.contacts = contacts
    self.license = license
  }
}

public struct OrganizationStatus: Sendable, Hashable, Codable {
  /// What the customer last reported to run.
  public var currentVersion: String?
  public var appVersion: String?
  /// Nil for a customer that was never seen.
  public var health: OrganizationHealth?
  public var isOnline: Bool?
  /// What the customer itself says of how it fares, such as `healthy`.
  public var reportedStatus: String?
  /// By this server's clock, like every time here but `agentLastPoll`.
  public var lastSeen: Timestamp?
  public var lastHeartbeat: Timestamp?
  public var lastWebhookAck: Timestamp?
  public var agentLastPoll: Timestamp?
  public var conditions: [Condition]?

  public init(
    currentVersion: String? = nil, appVersion: String? = nil, health: OrganizationHealth? = nil, isOnline: Bool? = nil,
    reportedStatus: String? = nil,
    lastSeen: Timestamp? = nil, lastHeartbeat: Timestamp? = nil, lastWebhookAck: Timestamp? = nil,
    agentLastPoll: Timestamp? = nil, conditions: [Condition]? = nil
  ) {
    self.currentVersion = currentVersion
    self.appVersion = appVersion
    self.health = health
    self.isOnline = isOnline
    self.reportedStatus = reportedStatus
    self.lastSeen = lastSeen
    self.lastHeartbeat = lastHeartbeat
    self.lastWebhookAck = lastWebhookAck
    self.agentLastPoll = agentLastPoll
    self.conditions = conditions
  }
}
