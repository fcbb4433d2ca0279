public import WireFormats

/// When a customer lets deployments begin: in its windows, or always where it has none, and never in a freeze.
public struct MaintenanceCalendar: Sendable, Hashable {
  public static let maximumWindowCount = 16
  public static let maximumFreezeCount = 32
  /// Openings that are further away are not looked for.
  public static let horizonDays: Int64 = 3660
  /// An opening that lasts this long has no end to speak of.
  static let longestOpeningDays: Int64 = 7

  public let windows: [MaintenanceWindow]
  public let freezes: [Freeze]

  /// Lets everything begin at any time.
  public static let always = MaintenanceCalendar(windows: [], freezes: [])

  /// Whether a deployment may begin.
  public func contains(_ moment: Timestamp) -> Bool {
    let second = moment.floorSeconds
    return (windows.isEmpty || windows.contains { $0.isOpen(at: second) }) && freeze(at: moment) == nil
  }

  /// The first freeze that holds a moment.
  public func freeze(at moment: Timestamp) -> Freeze? {
    let second = moment.floorSeconds
    return freezes.first { $0.isFrozen(at: second) }
  }
}

extension Timestamp {
  /// Bounds of windows are whole seconds.
  var floorSeconds: Int64 { microseconds.floorDivided(by: 1_000_000) }
}
