import Glibc
public import WireFormats

/// The computer's wall clock: what a program hands, as `SystemTime.now`, to whatever must know the time of day.
public enum SystemTime {
  /// Reads the clock, to the microsecond.
  @Sendable public static func now() -> Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
