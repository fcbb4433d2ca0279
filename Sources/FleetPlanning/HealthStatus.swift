public import FleetKinds
public import WireFormats

/// How an organization fares by when it was last seen (spec §11.1), by this server's clock.
public enum HealthStatus {
  /// What becomes of one that is not heard of.
  public struct Step: Sendable, Hashable {
    public var from: OrganizationHealth
    public var to: OrganizationHealth
    /// Since it was last seen.
    public var after: Duration
  }

  /// One after the other.
  public static let steps = [
    Step(from: .online, to: .degraded, after: .seconds(600)),
    Step(from: .degraded, to: .offline, after: .seconds(3_600)),
    Step(from: .offline, to: .critical, after: .seconds(86_400)),
  ]

  /// Nil for one that was never seen. One that was seen in the future, by another process's clock, is online.
  public static func health(lastSeen: Timestamp?, now: Timestamp) -> OrganizationHealth? {
    guard let lastSeen else { return nil }
    let silence = now - lastSeen
    return steps.last { $0.after <= silence }?.to ?? .online
  }

  /// Whether offers to it are counted apart: nobody expects an answer.
  public static func isOffline(_ health: OrganizationHealth?) -> Bool { health == .offline || health == .critical }
}
