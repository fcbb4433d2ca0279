import Glibc
public import WireFormats

extension Timestamp {
  /// What the machine's clock says.
  @Sendable public static func systemTime() -> Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
