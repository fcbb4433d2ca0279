import FoundationEssentials
import WireFormats

/// The machine's wall clock.
enum SystemTime {
  static func now() -> Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
}
