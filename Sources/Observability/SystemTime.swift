import FoundationEssentials
public import WireFormats

/// The computer's wall clock, to be handed to what must know the time of day.
public struct SystemTime: Sendable {
  public init() {}

  /// Reads the clock.
  public var now: @Sendable () -> Timestamp { { Self.current } }

  private static var current: Timestamp {
    Timestamp(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down)))
  }
}
