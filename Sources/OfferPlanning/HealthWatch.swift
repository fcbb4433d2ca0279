public import DeploymentKinds
import ResourceModel
public import WireFormats

/// Watches what was deployed for a while: whether it goes bad and stays so.
///
/// A container that restarts is not healthy for a moment, and one that never comes up is bad and starting in turn. So a release has
/// gone bad once it was seen bad three times over at least a minute, and never healthy in between; starting says neither.
public struct HealthWatch: Sendable, Hashable {
  public static let shortestBadTime: Duration = .seconds(60)
  public static let fewestBadLooks: Int64 = 3
  /// How long before its end it must have been seen healthy to have passed.
  public static let longestSilence: Duration = .seconds(180)
  /// Looks that follow each other sooner are one: several processes may look.
  public static let shortestInterval: Duration = .seconds(10)

  /// What the record says of the release.
  public enum Look: Sendable, Hashable {
    case healthy
    case starting
    /// - Parameter message: the Agent's sentence about what is bad.
    case unhealthy(message: String)
    /// Nobody says, or not about now.
    case unknown
    /// Something else runs by now.
    case otherVersion
  }

  public enum Verdict: Sendable, Hashable {
    case watching
    /// It was good to the end.
    case passed
    /// Nobody said to the end that it is good, nor that it is bad.
    case unknown
    case superseded
    /// It has gone bad.
    case unhealthy(message: String)
  }

  public var startedAt: Timestamp
  /// Of the first bad look since the last healthy one.
  public var badSince: Timestamp?
  public var badLooks: Int64
  public var lastLookAt: Timestamp?
  public var lastHealthyAt: Timestamp?

  public init(
    startedAt: Timestamp, badSince: Timestamp? = nil, badLooks: Int64 = 0, lastLookAt: Timestamp? = nil,
    lastHealthyAt: Timestamp? = nil
  ) {
    self.startedAt = startedAt
    self.badSince = badSince
    self.badLooks = badLooks
    self.lastLookAt = lastLookAt
    self.lastHealthyAt = lastHealthyAt
  }

  /// - Parameter length: of the watch. What is bad at its end is watched until it is decided, but begins within it.
  public mutating func note(_ look: Look, at now: Timestamp, length: Duration) -> Verdict {
    let isOver = now - startedAt >= length
    switch look {
    case .otherVersion: return .superseded
    case .healthy:
      badSince = nil
      badLooks = 0
      lastHealthyAt = now
    case .starting, .unknown: break
    case .unhealthy(let message):
      guard badSince != nil || !isOver else { return ending(length) }
      if let lastLookAt, now - lastLookAt < Self.shortestInterval, badSince != nil { return .watching }
      badLooks += 1
      let since = badSince ?? now
      badSince = since
      if badLooks >= Self.fewestBadLooks, now - since >= Self.shortestBadTime { return .unhealthy(message: message) }
    }
    lastLookAt = now
    guard isOver else { return .watching }
    // What was bad and does not say any more is not waited for for ever.
    guard badSince != nil, now - startedAt < length + length + .seconds(600) else { return ending(length) }
    return .watching
  }

  /// Of a watch in which it was not found bad.
  private func ending(_ length: Duration) -> Verdict {
    guard badSince == nil, let lastHealthyAt, startedAt + length - lastHealthyAt <= Self.longestSilence else {
      return .unknown
    }
    return .passed
  }
}

extension HealthWatch.Look {
  /// What the record's status says of a version: the condition `Healthy`, which is about what runs, whatever else is asked for.
  /// - Parameter isAgentThere: whether an Agent was heard of lately; otherwise the status is of the past.
  public init(_ status: DesiredDeploymentStatus?, version: String, isAgentThere: Bool) {
    guard let status, let current = status.current, isAgentThere else {
      self = .unknown
      return
    }
    guard current.version == version else {
      self = .otherVersion
      return
    }
    let healthy = status.conditions?[DeploymentCondition.healthy]
    self =
      switch (healthy?.status, healthy?.knownReason) {
      case (.isTrue, _): .healthy
      case (.isFalse, .workloadStarting): .starting
      case (.isFalse, _): .unhealthy(message: healthy?.message ?? "")
      case (.unknown, _), (nil, _): .unknown
      }
  }
}
