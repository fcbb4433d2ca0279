/// Random numbers that depend on nothing but what they are for: the same customer does the same thing in every run with the
/// same seed, in whichever order things happen (SplitMix64's mixing).
struct Draw: Sendable, Hashable {
  /// What a number decides. Two purposes never share one.
  enum Purpose: UInt64 {
    case offline = 1
    case slow, neverConsents, failing, failure, zone, deploymentType, tier
    case firstHeartbeat, firstPoll, heartbeatJitter, pollJitter, retryJitter
    case consentDelay, windowOffset, deploymentTime, webhookDelay
  }

  let seed: UInt64

  /// - Returns: from 0 to below 1.
  func unit(_ purpose: Purpose, _ customer: Int, _ salt: UInt64 = 0) -> Double {
    var bits = Self.mixed(seed &+ 0x9E37_79B9_7F4A_7C15 &* purpose.rawValue)
    bits = Self.mixed(bits &+ UInt64(truncatingIfNeeded: customer) &* 0xD1B5_4A32_D192_ED03)
    bits = Self.mixed(bits ^ salt)
    return Double(bits >> 11) * 0x1p-53
  }

  /// A number of a text that is the same in every process.
  static func salt(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var bits = value &+ 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }
}
