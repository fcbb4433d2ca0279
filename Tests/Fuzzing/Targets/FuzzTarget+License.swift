import Cryptography
import Licensing
import WireFormats

extension FuzzTarget {
  private static let vendor = try? Ed25519.PrivateKey(seed: [UInt8](repeating: 7, count: 32))

  /// A licence: as a token that nobody signed, which is never believed, and as a payload that the vendor did; what is understood of
  /// that is written and understood as the same. Then the vendor's keys.
  static let license = FuzzTarget(name: "license", maximumByteCount: 4 << 10) { bytes in
    guard let vendor else { throw Finding(description: "there is no key") }
    let keys = LicenseKeys([vendor.publicKey])
    try require((try? License(token: bytes.asText, keys: keys)) == nil, "a token was believed that nobody signed")
    _ = try? LicenseKeys(parsing: bytes.asText)
    let payload = Base64.encode(bytes, alphabet: .urlSafe)
    let signature = Base64.encode(vendor.signature(for: Array(payload.utf8)), alphabet: .urlSafe)
    guard var license = try? License(token: "\(payload).\(signature)", keys: keys) else { return }
    let token = try license.token(signedWith: vendor)
    license.keyID = LicenseKeys.id(of: vendor.publicKey)
    try require((try? License(token: token, keys: keys)) == license, "the licence reads back as another one")
    for now in [Timestamp(microseconds: .min), Timestamp(seconds: 1_800_000_000), Timestamp(microseconds: .max)] {
      let holder = LicenseHolder(organization: license.organization, installation: "i")
      let held = HeldLicense(source: .kept, token: .success(token), keys: .success(keys))
      let set = LicenseSet(holder: holder, held: [held])
      try require(
        set.state(at: now).isBlocking || license.period(at: now) == .running, "a licence holds out of its time")
      if let last = set.last(at: now) { _ = LicenseReminder.due(last, at: now) }
    }
  }
}
