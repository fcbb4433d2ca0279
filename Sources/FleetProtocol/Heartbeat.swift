public import WireFormats

/// What a customer's Backend says every five minutes (spec §7.1).
public struct Heartbeat: Sendable, Hashable {
  /// What runs there; nil where nothing does yet.
  public var version: String?
  public var status: String?
  public var agentLastPoll: Timestamp?
  /// How many reports wait there to be taken; nil from programs that do not say.
  public var pendingReports: Int64?
  /// By the customer's clock, which nobody relies on.
  public var timestamp: Timestamp?
  /// Of the licence that counts there; nil without one, and from programs that do not say.
  public var licenseID: String?
  /// What licences may be bound to; nil from programs that take no licence from the answer.
  public var installationID: String?

  public init(
    version: String?, status: String? = nil, agentLastPoll: Timestamp? = nil, pendingReports: Int64? = nil,
    timestamp: Timestamp? = nil, licenseID: String? = nil, installationID: String? = nil
  ) {
    self.version = version
    self.status = status
    self.agentLastPoll = agentLastPoll
    self.pendingReports = pendingReports
    self.timestamp = timestamp
    self.licenseID = licenseID
    self.installationID = installationID
  }

  /// - Throws: `ProtocolError`, naming the field.
  public init(reading body: JSONValue) throws(ProtocolError) {
    let reader = try ProtocolReader(body)
    version = try reader.version("version")
    status = try reader.prose("status", maximumCharacters: 64)
    agentLastPoll = try reader.time("agentLastPoll")
    pendingReports = try reader.integer("pendingReports", 0...Int64(Int32.max))
    timestamp = try reader.time("timestamp")
    licenseID = try reader.text("licenseId")
    installationID = try reader.text("installationId")
  }

  public var json: JSONValue {
    var json: JSONValue = [:]
    json["version"] = version.map { .string($0) }
    json["status"] = status.map { .string($0) }
    json["agentLastPoll"] = agentLastPoll.map { .string($0.description) }
    json["pendingReports"] = pendingReports.map { .integer($0) }
    json["timestamp"] = timestamp.map { .string($0.description) }
    json["licenseId"] = licenseID.map { .string($0) }
    json["installationId"] = installationID.map { .string($0) }
    return json
  }
}

/// The answer to a heartbeat.
public struct HeartbeatAnswer: Sendable, Hashable {
  /// When to come next; other for each, so that nobody comes together with all.
  public var nextSeconds: Int
  /// A renewed licence, as a token; for a customer whose own is older.
  public var license: String?

  public init(nextSeconds: Int, license: String? = nil) {
    self.nextSeconds = nextSeconds
    self.license = license
  }

  public var json: JSONValue {
    var json: JSONValue = ["received": true, "nextHeartbeatSeconds": .integer(Int64(nextSeconds))]
    json["license"] = license.map { .string($0) }
    return json
  }
}
