public import WireFormats

/// A customer's admin has chosen when to deploy (spec §5.4).
public struct ScheduledReport: Sendable, Hashable {
  public var organizationName: String
  public var releaseID: String
  public var scheduledFor: Timestamp
  /// Names the attempt at the customer's; nil from programs that know none.
  public var attemptID: String?
  /// As in `StatusReport`.
  public var attempt: Int64?

  public init(
    organizationName: String, releaseID: String, scheduledFor: Timestamp, attemptID: String? = nil,
    attempt: Int64? = nil
  ) {
    self.organizationName = organizationName
    self.releaseID = releaseID
    self.scheduledFor = scheduledFor
    self.attemptID = attemptID
    self.attempt = attempt
  }

  /// - Throws: `ProtocolError`, naming the field.
  public init(reading body: JSONValue) throws(ProtocolError) {
    let reader = try ProtocolReader(body)
    organizationName = try reader.requiredText("organizationName")
    releaseID = try reader.requiredText("releaseId", maximumBytes: 128)
    scheduledFor = try reader.requiredTime("scheduledFor")
    attemptID = try reader.text("attemptId", maximumBytes: 128)
    attempt = try reader.integer("attempt", 0...Int64(Int32.max))
  }

  public var json: JSONValue {
    var json: JSONValue = [
      "organizationName": .string(organizationName), "releaseId": .string(releaseID),
      "scheduledFor": .string(scheduledFor.description),
    ]
    json["attemptId"] = attemptID.map { .string($0) }
    json["attempt"] = attempt.map { .integer($0) }
    return json
  }
}

/// How a deployment goes or went (spec §5.6).
public struct StatusReport: Sendable, Hashable {
  /// The words of the specification (§12, `DeploymentStatus`) that a customer may report.
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case downloadFailed, scheduled, inProgress, success, failed, rolledBack, deadlineExceeded, cancelled
  }

  public var organizationName: String
  public var releaseID: String
  public var status: Status
  /// By the customer's clock.
  public var deployedAt: Timestamp?
  public var helmRevision: Int64?
  /// What runs afterwards.
  public var currentVersion: String?
  public var errorMessage: String?
  /// In CamelCase, as the Agent's conditions name it, such as `ImagePullFailed`.
  public var reason: String?
  /// What of the release it was about, such as `media`.
  public var component: String?
  /// Names the attempt at the customer's; nil from programs that know none.
  public var attemptID: String?
  /// Counts the attempts of one release at one customer; a report of an earlier one changes nothing any more.
  public var attempt: Int64?

  public init(
    organizationName: String, releaseID: String, status: Status, deployedAt: Timestamp? = nil,
    helmRevision: Int64? = nil, currentVersion: String? = nil, errorMessage: String? = nil, reason: String? = nil,
    component: String? = nil, attemptID: String? = nil, attempt: Int64? = nil
  ) {
    self.organizationName = organizationName
    self.releaseID = releaseID
    self.status = status
    self.deployedAt = deployedAt
    self.helmRevision = helmRevision
    self.currentVersion = currentVersion
    self.errorMessage = errorMessage
    self.reason = reason
    self.component = component
    self.attemptID = attemptID
    self.attempt = attempt
  }

  /// - Throws: `ProtocolError`, naming the field.
  public init(reading body: JSONValue) throws(ProtocolError) {
    let reader = try ProtocolReader(body)
    organizationName = try reader.requiredText("organizationName")
    releaseID = try reader.requiredText("releaseId", maximumBytes: 128)
    let word = try reader.requiredText("status", maximumBytes: 64)
    guard let status = Status(rawValue: word) else {
      throw ProtocolError("status: must be one of \(Status.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self.status = status
    deployedAt = try reader.time("deployedAt")
    helmRevision = try reader.integer("helmRevision", 0...Int64(Int32.max))
    currentVersion = try reader.version("currentVersion")
    errorMessage = try reader.prose("errorMessage")
    reason = try reader.prose("reason", maximumCharacters: 128)
    component = try reader.prose("component", maximumCharacters: 253)
    attemptID = try reader.text("attemptId", maximumBytes: 128)
    attempt = try reader.integer("attempt", 0...Int64(Int32.max))
  }

  public var json: JSONValue {
    func text(_ text: String?) -> JSONValue? { text.map { .string($0) } }
    var json: JSONValue = [
      "organizationName": .string(organizationName), "releaseId": .string(releaseID),
      "status": .string(status.rawValue),
    ]
    json["deployedAt"] = text(deployedAt?.description)
    json["helmRevision"] = helmRevision.map { .integer($0) }
    json["currentVersion"] = text(currentVersion)
    json["errorMessage"] = text(errorMessage)
    json["reason"] = text(reason)
    json["component"] = text(component)
    json["attemptId"] = text(attemptID)
    json["attempt"] = attempt.map { .integer($0) }
    return json
  }
}
