public import DeploymentKinds
public import ResourceModel
public import WireFormats

/// What a task asks of the Agent that watches the DesiredDeployment: a release, or a revision to return to, and when.
public struct DeploymentOrder: Sendable, Hashable, Codable {
  /// Nil where a revision is asked for of which nobody here knows the version.
  public var version: String?
  /// Nil with a revision.
  public var artifact: DesiredDeploymentSpec.Artifact?
  public var manifest: String?
  public var imageTags: [String: String]?
  public var newNonEssentialEnvs: [DesiredDeploymentSpec.Setting]?
  /// Of the `.env` or values file in the bucket; nil leaves the record's own.
  public var configPath: String?
  /// Of the history that the record's status holds.
  public var revision: Int64?
  public var notBefore: Timestamp

  public init(
    version: String?, artifact: DesiredDeploymentSpec.Artifact? = nil, manifest: String? = nil,
    imageTags: [String: String]? = nil, newNonEssentialEnvs: [DesiredDeploymentSpec.Setting]? = nil,
    configPath: String? = nil, revision: Int64? = nil, notBefore: Timestamp
  ) {
    self.version = version
    self.artifact = artifact
    self.manifest = manifest
    self.imageTags = imageTags
    self.newNonEssentialEnvs = newNonEssentialEnvs
    self.configPath = configPath
    self.revision = revision
    self.notBefore = notBefore
  }

  /// Whether a record asks for the same release, whatever else of it somebody has changed.
  public func matches(_ spec: DesiredDeploymentSpec) -> Bool {
    if let revision { return spec.rollbackTo?.revision == revision }
    return spec.rollbackTo == nil && spec.version == version && spec.artifact == artifact && spec.manifest == manifest
      && (spec.imageTags ?? [:]) == (imageTags ?? [:])
  }
}

/// What a record says of the order that it carries.
public enum RecordState: Sendable, Hashable {
  /// What an Agent did about a release that failed.
  public enum Remedy: Sendable, Hashable {
    /// It failed before anything was touched.
    case nothingChanged
    case rolledBack
    /// What the failure left runs.
    case none
  }

  /// The record asks for something else.
  case otherRelease
  /// Nobody has begun.
  case waiting
  /// The licence keeps the Agent from beginning.
  case licenseBlocks(String)
  case missed
  case begun(at: Timestamp?)
  case succeeded(version: String, revision: Int64, since: Timestamp)
  case failed(reason: String, message: String, Remedy)

  /// - Parameter now: a licence counts as what blocks only once the time has come.
  public init(of record: DesiredDeployment, _ order: DeploymentOrder, now: Timestamp) {
    self = order.matches(record.spec) ? Self.state(of: record, order, now: now) : .otherRelease
  }

  private static func state(of record: DesiredDeployment, _ order: DeploymentOrder, now: Timestamp) -> RecordState {
    let generation = record.metadata.generation ?? 1
    guard let status = record.status else { return .waiting }
    func condition(_ type: String) -> Condition? {
      status.conditions?[type].flatMap { $0.observedGeneration == generation ? $0 : nil }
    }
    let (ready, stalled) = (condition(DeploymentCondition.ready), condition(DeploymentCondition.stalled))
    if ready?.status == .isTrue, let current = status.current,
      order.version == nil || order.version == current.version
    {
      return .succeeded(version: current.version, revision: current.revision, since: current.since)
    }
    if let failure = status.failure, failure.generation == generation, stalled != nil {
      return .failed(reason: failure.reason, message: failure.message, remedy(status))
    }
    if status.lastAttemptedGeneration == generation { return .begun(at: status.attemptStartedAt) }
    // A condition of an earlier generation may have been carried over; what holds now is summed up in Ready, too.
    if let stalled, stalled.reason == ready?.reason {
      switch stalled.knownReason {
      case .missedSchedule?: return .missed
      case .revisionNotFound?, .invalidSpec?, .unsupportedRuntime?, .targetInUse?, .targetChanged?, .accountDamaged?:
        return .failed(reason: stalled.reason, message: stalled.message, .nothingChanged)
      default: break
      }
    }
    switch ready?.knownReason {
    case .licenseExpired? where now >= order.notBefore, .licenseInvalid? where now >= order.notBefore:
      return .licenseBlocks(ready?.message ?? "")
    default: return .waiting
    }
  }

  private static func remedy(_ status: DesiredDeploymentStatus) -> Remedy {
    guard let remediated = status.conditions?[DeploymentCondition.remediated], remediated.status == .isTrue else {
      return .none
    }
    return remediated.knownReason == .nothingChanged ? .nothingChanged : .rolledBack
  }
}
