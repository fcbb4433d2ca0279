public import FleetKinds
public import WireFormats

/// How an organization fares by when it was last seen (spec §11.1), by this server's clock.
public enum HealthStatus {
  /// From how long ago on it is so; the first that holds from the end.
  private static let thresholds: [(since: Duration, health: OrganizationHealth)] = [
    (.zero, .online), (.seconds(600), .degraded), (.seconds(3_600), .offline), (.seconds(86_400), .critical),
  ]

  /// Nil for one that was never seen. One that was seen in the future, by another process's clock, is online.
  public static func health(lastSeen: Timestamp?, now: Timestamp) -> OrganizationHealth? {
    guard let lastSeen else { return nil }
    let silence = now - lastSeen
    return (thresholds.last { $0.since <= silence } ?? thresholds[0]).health
  }

  /// When it would change if nothing more is heard; nil where it would not.
  public static func nextChange(lastSeen: Timestamp?, now: Timestamp) -> Timestamp? {
    guard let lastSeen else { return nil }
    let silence = now - lastSeen
    return thresholds.dropFirst().first { $0.since > silence }.map { lastSeen + $0.since }
  }

  /// Whether offers to it are counted apart: nobody expects an answer.
  public static func isOffline(_ health: OrganizationHealth?) -> Bool { health == .offline || health == .critical }
}
